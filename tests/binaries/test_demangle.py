import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envcheck.binaries.demangle import demangle
from envcheck.binaries.elf import read_elf
from envcheck.binaries.source import FileSource
from envcheck.binaries.symbols import SymbolTable
from tests.binaries.system import LIBSTDCXX, SYSTEM_FILES

# Symbols that extensions ask of torch and CUDA libraries.
READABLE = {
    "_ZN3c104cuda9SetDeviceEi": "c10::cuda::SetDevice(int)",
    "_ZN2at8internal13_parallel_runElllRKSt8functionIFvllmEE": (
        "at::internal::_parallel_run(long, long, long, "
        "std::function<void (long, long, unsigned long)> const&)"
    ),
    "_ZNK2at10TensorBase8data_ptrIfEEPT_v": "float* at::TensorBase::data_ptr<float>() const",
    "_ZNK2at10TensorBase14const_data_ptrIN3c104HalfETnNSt9enable_ifIXntsr3std10is_const_vIT_EEiE"
    "4typeELi0EEEPKS5_v": None,  # an expression: stays mangled
    "_ZN3c106detail14torchCheckFailEPKcS2_jRKSs": (
        "c10::detail::torchCheckFail(char const*, char const*, unsigned int, std::string const&)"
    ),
    "_ZN3c106detail4failEPKcRKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE": (
        "c10::detail::fail(char const*, "
        "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> > const&)"
    ),
    "_ZNSt6vectorIlSaIlEEC1ERKS1_": (
        "std::vector<long, std::allocator<long> >::vector("
        "std::vector<long, std::allocator<long> > const&)"
    ),
    "_ZN2at6TensorD1Ev": "at::Tensor::~Tensor()",
    "_ZTVN3c1015TensorImplE": None,
    "_ZTVN3c1010TensorImplE": "vtable for c10::TensorImpl",
    "_ZTIN5torch8autograd4NodeE": "typeinfo for torch::autograd::Node",
    "_ZN3c10lsERSoNS_10DeviceTypeE": "c10::operator<<(std::ostream&, c10::DeviceType)",
    "_ZSt4cout": "std::cout",
    "_ZN12_GLOBAL__N_11fEv": "(anonymous namespace)::f()",
    "_ZN1A3fooB5cxx11Ev": "A::foo[abi:cxx11]()",
    "_Z4sortPFiPKvS0_E": "sort(int (*)(void const*, void const*))",
    "_ZN2at4_ops10empty_like4callERKNS_6TensorESt8optionalIN3c1010ScalarTypeEE": (
        "at::_ops::empty_like::call(at::Tensor const&, std::optional<c10::ScalarType>)"
    ),
    "_ZSt8in_rangeILb1ELin5ELm3ELN1A1BE2EEvv": "void std::in_range<true, -5, 3ul, (A::B)2>()",
}


@pytest.mark.parametrize("symbol", READABLE)
def test_names_for_people(symbol: str) -> None:
    assert demangle(symbol) == (READABLE[symbol] or symbol)


@pytest.mark.parametrize("name", ["cudaMalloc", "", "_Z", "_ZN", "_ZNE", "_ZN3fooE3", "_Z3fo"])
def test_what_is_not_a_mangled_name_stays(name: str) -> None:
    assert demangle(name) == name


CXXFILT = shutil.which("c++filt")


@pytest.mark.skipif(CXXFILT is None, reason="no c++filt here")
def test_says_what_cxxfilt_says_or_nothing() -> None:
    symbols = list(READABLE)
    for path in (*SYSTEM_FILES, *LIBSTDCXX):
        with FileSource(path) as source:
            wanted = SymbolTable(read_elf(source)).undefined()
            symbols += [name for name in wanted.strong + wanted.weak if name.startswith("_Z")]
    answer = subprocess.run(
        [str(CXXFILT), "-i"], input="\n".join(symbols), capture_output=True, text=True, check=True
    )
    reference = dict(zip(symbols, answer.stdout.splitlines(), strict=True))
    readable = {name: demangle(name) for name in symbols if demangle(name) != name}
    assert readable == {name: reference[name] for name in readable}


PIECES = (
    "N E St Ss Sa S_ S0_ I J T_ T0_ P R O K V F v i b c Li5 Lb1 1a 3foo 10TensorImpl C1 D0 pl ls "
    "L B5cxx11 TV M A3_ Dp Z Ul _ XadL"
)


@given(st.lists(st.sampled_from(PIECES.split()), max_size=60).map("".join))
def test_any_name_gives_a_text(tail: str) -> None:
    text = demangle("_Z" + tail)
    assert text
    assert text == "_Z" + tail or len(text) < 1 << 20


@pytest.mark.parametrize(
    "symbol",
    [
        "_Z1f" + "P" * 4000 + "i",
        "_Z1f" + "I" * 3000,
        "_Z1fI" + "J" * 4000,
        "_Z1f" + "F" * 4000,
        "_Z1f1a" + f"I{'S_' * 8}E" * 200,
        "_Z1f" + "i" * 100_000,
    ],
)
def test_hostile_names_stay_mangled(symbol: str) -> None:
    assert demangle(symbol) == symbol

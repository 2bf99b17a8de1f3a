"""C++ symbol names for people: `_ZN3c104cuda9SetDeviceEi` → `c10::cuda::SetDevice(int)`.

Covers what libraries ask of one another, and writes it as `c++filt -i` does; what it is not sure of
(lambdas, expressions, pack expansions …) stays mangled. Must not know any library.
Grammar: https://itanium-cxx-abi.github.io/cxx-abi/abi.html#mangling
"""

from __future__ import annotations

import re
from typing import NamedTuple

_MAX_NAME = 4096  # longer names stay mangled
_MAX_TEXT = 1 << 14  # substitutions can double a text many times over


def _table(text: str) -> dict[str, str]:
    return dict(re.findall(r"(\S+?)=(.*?)(?:  |$)", text))


_BUILTINS = _table(
    "v=void  w=wchar_t  b=bool  c=char  a=signed char  h=unsigned char  s=short  t=unsigned short  "
    "i=int  j=unsigned int  l=long  m=unsigned long  x=long long  y=unsigned long long  "
    "n=__int128  o=unsigned __int128  f=float  d=double  e=long double  g=__float128  z=...  "
    "Dn=decltype(nullptr)  Di=char32_t  Ds=char16_t  Du=char8_t"
)
_OPERATORS = _table(
    "nw= new  na= new[]  dl= delete  da= delete[]  pl=+  mi=-  ml=*  dv=/  rm=%  an=&  or=|  eo=^  "
    "aS==  pL=+=  mI=-=  mL=*=  dV=/=  ls=<<  rs=>>  eq===  ne=!=  lt=<  gt=>  le=<=  ge=>=  nt=!  "
    "aa=&&  oo=||  pp=++  mm=--  cm=,  pt=->  cl=()  ix=[]  ng=-  ps=+  de=*  ad=&  co=~"
)
_SPECIAL = _table("TV=vtable for  TI=typeinfo for  TS=typeinfo name for  TT=VTT for")
_SUFFIXES = {"i": "", "j": "u", "l": "l", "m": "ul", "x": "ll", "y": "ull"}
_STD = _table("a=allocator  b=basic_string  s=string  i=istream  o=ostream  d=iostream")
_STD_TEXTS = tuple(f"std::{name}" for name in _STD.values())
_LENGTH = re.compile(r"[1-9]\d{0,4}", re.ASCII)
_INTEGER = re.compile(r"n?\d{1,20}(?=E)", re.ASCII)
_SEQUENCE = re.compile(r"[0-9A-Z]{0,4}(?=_)", re.ASCII)


class _Unsure(Exception):
    """Not of the subset that is certain to come out right."""


class _Type(NamedTuple):
    """A type's text before and after a name: `int (*` and `)(char)`."""

    before: str
    after: str = ""
    function: bool = False
    pack: bool = False  # a template argument that stands for several

    def __str__(self) -> str:
        return self.before + self.after


class _Name(NamedTuple):
    text: str
    arguments: tuple[_Type, ...] | None = None  # the last component's, when it is a template
    structor: bool = False  # a constructor or destructor: no return type
    qualifiers: str = ""  # of a member function: " const"


def demangle(symbol: str) -> str:
    """The readable form of a mangled C++ name; the name itself when unsure or not mangled."""
    if not symbol.startswith("_Z") or len(symbol) > _MAX_NAME:
        return symbol
    try:
        parser = _Parser(symbol)
        text = parser.encoding()
        return text if parser.at == len(symbol) else symbol
    except (_Unsure, IndexError, RecursionError):
        return symbol


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 2
        self.known: list[_Type] = []  # substitution candidates
        self.arguments: tuple[_Type, ...] = ()  # what T_ stands for

    def peek(self, n: int = 1) -> str:
        return self.text[self.at : self.at + n]

    def take(self, *choices: str) -> str:
        """The first of `choices` that comes next, consumed; "" when none does."""
        for choice in choices:
            if self.text.startswith(choice, self.at):
                self.at += len(choice)
                return choice
        return ""

    def match(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.at)
        if not found:
            raise _Unsure
        self.at = found.end()
        return found.group()

    def index(self) -> int:
        """A sequence number: `_` is 0, `0_` is 1; base 36."""
        digits = self.match(_SEQUENCE)
        self.at += 1
        return int(digits, 36) + 1 if digits else 0

    def learn(self, kind: _Type) -> _Type:
        if len(kind.before) + len(kind.after) > _MAX_TEXT or kind.pack:
            raise _Unsure
        self.known.append(kind)
        return kind

    def encoding(self) -> str:
        special = self.take(*_SPECIAL)
        if special:
            return f"{_SPECIAL[special]} {self.type()}"
        name = self.name()
        if not self.peek():
            return name.text
        returned = ""
        if name.arguments is not None:
            self.arguments = name.arguments
            if not name.structor:
                kind = self.type()
                if kind.after:
                    raise _Unsure
                returned = f"{kind} "
        return f"{returned}{name.text}({self.parameters()}){name.qualifiers}"

    def parameters(self) -> str:
        texts = []
        while self.peek() not in ("", "E"):
            texts.append(str(self.type()))
        return "" if texts == ["void"] else ", ".join(texts)

    # ---- names ----------------------------------------------------------------------------

    def name(self) -> _Name:
        if self.take("N"):
            return self.nested()
        scope = "std::" if self.take("St") else ""
        if not scope and self.peek() == "S":
            name = self.substitution().before
            if self.peek() != "I":
                raise _Unsure
        else:
            name = scope + self.unqualified("")
            if self.peek() == "I":
                self.learn(_Type(name))
        if self.peek() != "I":
            return _Name(name)
        arguments, inside = self.template_arguments()
        return _Name(_instantiate(name, inside), arguments)

    def nested(self) -> _Name:
        qualifiers = self.qualifiers() + {"R": " &", "O": " &&", "": ""}[self.take("R", "O")]
        name, structor, candidate = "", False, False
        arguments: tuple[_Type, ...] | None = None
        while not self.take("E"):
            if candidate:  # every prefix is one, the whole name is not
                self.learn(_Type(name))
            candidate = True
            if not name and self.take("St"):
                name, candidate = "std", False
            elif not name and self.peek() == "S":
                name, candidate = self.substitution().before, False
            elif self.peek() == "I" and name and arguments is None:
                arguments, inside = self.template_arguments()
                name = _instantiate(name, inside)
            else:
                structor, arguments = self.peek() in ("C", "D"), None
                component = self.unqualified(name)
                name = f"{name}::{component}" if name else component
        if not name:
            raise _Unsure
        return _Name(name, arguments, structor, qualifiers)

    def unqualified(self, scope: str) -> str:
        structor = self.take("C1", "C2", "D0", "D1", "D2")
        operator = "" if structor else self.take(*_OPERATORS)
        if structor:
            text = "~" * structor.startswith("D") + _class_name(scope)
        elif operator:
            text = "operator" + _OPERATORS[operator]
        else:
            self.take("L")  # internal linkage
            text = self.identifier()
            if text.startswith("_GLOBAL__N"):
                text = "(anonymous namespace)"
        while self.take("B"):
            text += f"[abi:{self.identifier()}]"
        return text

    def identifier(self) -> str:
        length = int(self.match(_LENGTH))
        text = self.peek(length)
        if len(text) < length:
            raise _Unsure
        self.at += length
        return text

    def substitution(self) -> _Type:
        self.at += 1  # S
        code = self.take(*_STD)
        return _Type(f"std::{_STD[code]}") if code else self.known[self.index()]

    def template_arguments(self) -> tuple[tuple[_Type, ...], str]:
        """The arguments, and their text between the angle brackets."""
        self.at += 1  # I or J
        arguments, texts = [], []
        while not self.take("E"):
            if self.peek() == "J":
                _, inside = self.template_arguments()
                arguments.append(_Type(inside, pack=True))
                texts += [inside] if inside else []
            else:
                arguments.append(self.literal() if self.take("L") else self.type())
                texts.append(str(arguments[-1]))
        return tuple(arguments), ", ".join(texts)

    def literal(self) -> _Type:
        code, kind = self.peek(), self.type()
        value = self.match(_INTEGER).replace("n", "-")
        self.at += 1  # E
        if code == "b" and value in ("0", "1"):
            return _Type("true" if value == "1" else "false")
        return _Type(value + _SUFFIXES[code] if code in _SUFFIXES else f"({kind}){value}")

    # ---- types ----------------------------------------------------------------------------

    def type(self) -> _Type:
        builtin = self.take(*_BUILTINS)
        if builtin:
            return _Type(_BUILTINS[builtin])
        sign = self.take("P", "R", "O")
        if sign:
            return self.learn(_point(self.type(), {"P": "*", "R": "&", "O": "&&"}[sign]))
        if self.peek() in ("V", "K"):
            suffix, kind = self.qualifiers(), self.type()
            if kind.function or suffix in kind.before[-len(suffix) :]:
                raise _Unsure
            return self.learn(kind._replace(before=kind.before + suffix))
        if self.take("F"):
            returned, parameters = self.type(), self.parameters()
            if not self.take("E") or returned.after:
                raise _Unsure
            return self.learn(_Type(f"{returned} ", f"({parameters})", function=True))
        if self.take("T"):
            kind = self.learn(self.arguments[self.index()])
        elif self.peek() == "S" and self.peek(2) != "St":
            kind = self.substitution()
        elif self.peek().isdigit() or self.peek() in ("N", "S"):
            return self.learn(_Type(self.name().text))
        else:
            raise _Unsure
        if self.peek() != "I":
            return kind
        return self.learn(_Type(_instantiate(str(kind), self.template_arguments()[1])))

    def qualifiers(self) -> str:
        return " volatile" * bool(self.take("V")) + " const" * bool(self.take("K"))


def _point(kind: _Type, mark: str) -> _Type:
    if kind.function:
        return _Type(f"{kind.before}({mark}", f"){kind.after}")
    if kind.before.endswith("&"):  # references collapse; left to c++filt
        raise _Unsure
    return kind._replace(before=kind.before + mark)


def _instantiate(name: str, inside: str) -> str:
    if len(name) + len(inside) > _MAX_TEXT:
        raise _Unsure
    return f"{name}{' ' * name.endswith('<')}<{inside}{' ' * inside.endswith('>')}>"


def _class_name(scope: str) -> str:
    """`vector` of `std::vector<int, a::b>`: what a constructor is called."""
    if not scope or scope in _STD_TEXTS or re.search(r"operator|[{(]", scope):
        raise _Unsure
    flat = scope
    while "<" in flat:
        flat, before = re.sub(r"<[^<>]*>", "", flat), flat
        if flat == before:
            raise _Unsure
    return flat.rpartition("::")[2].partition("[")[0]

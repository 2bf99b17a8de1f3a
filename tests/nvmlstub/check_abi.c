/* gcc -I<dir of a real nvml.h> -fsyntax-only check_abi.c : fails to compile where a layout differs. */
#include <stddef.h>
#include <nvml.h>
#include "nvmlstub_abi.h"
#define SAME(a, b) _Static_assert(sizeof(a) == sizeof(b), #a)
#define OFF(a, x, b, y) _Static_assert(offsetof(a, x) == offsetof(b, y), #a "." #x)
SAME(Pci, nvmlPciInfo_t); OFF(Pci, busId, nvmlPciInfo_t, busId); OFF(Pci, domain, nvmlPciInfo_t, domain);
SAME(Mem, nvmlMemory_t); OFF(Mem, used, nvmlMemory_t, used);
SAME(Mem2, nvmlMemory_v2_t); OFF(Mem2, reserved, nvmlMemory_v2_t, reserved); OFF(Mem2, used, nvmlMemory_v2_t, used);
SAME(Util, nvmlUtilization_t); SAME(Value, nvmlValue_t); SAME(Sample, nvmlSample_t); SAME(TempV, nvmlTemperature_t);
OFF(TempV, temperature, nvmlTemperature_t, temperature);
SAME(Attr, nvmlDeviceAttributes_t); SAME(Proc1, nvmlProcessInfo_v1_t); SAME(Proc2, nvmlProcessInfo_t);
SAME(ProcUtil, nvmlProcessUtilizationSample_t); OFF(ProcUtil, smUtil, nvmlProcessUtilizationSample_t, smUtil);
SAME(Field, nvmlFieldValue_t); OFF(Field, value, nvmlFieldValue_t, value); OFF(Field, nvmlReturn, nvmlFieldValue_t, nvmlReturn);
SAME(Event, nvmlEventData_t); OFF(Event, gi, nvmlEventData_t, gpuInstanceId);
SAME(Fabric, nvmlGpuFabricInfo_t); OFF(Fabric, state, nvmlGpuFabricInfo_t, state);
SAME(Fabric2, nvmlGpuFabricInfo_v2_t); OFF(Fabric2, status, nvmlGpuFabricInfo_v2_t, status); OFF(Fabric2, healthMask, nvmlGpuFabricInfo_v2_t, healthMask);

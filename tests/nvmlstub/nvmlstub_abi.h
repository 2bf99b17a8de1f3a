/* Layouts of the NVML structures the stub fills (an ABI: sizes and order only). */
typedef struct { char busIdLegacy[16]; unsigned domain, bus, device, pciDeviceId, pciSubSystemId; char busId[32]; } Pci;
typedef struct { unsigned long long total, free, used; } Mem;
typedef struct { unsigned version; unsigned long long total, reserved, free, used; } Mem2;
typedef struct { unsigned gpu, memory; } Util;
typedef union { double d; unsigned ui; unsigned long ul; unsigned long long ull; long long sll; int si; unsigned short us; } Value;
typedef struct { unsigned long long timeStamp; Value v; } Sample;
typedef struct { unsigned version; int sensorType; int temperature; } TempV;
typedef struct { unsigned multiprocessorCount, sharedCopyEngineCount, sharedDecoderCount, sharedEncoderCount, sharedJpegCount, sharedOfaCount, gpuInstanceSliceCount, computeInstanceSliceCount; unsigned long long memorySizeMB; } Attr;
typedef struct { unsigned pid; unsigned long long mem; } Proc1;
typedef struct { unsigned pid; unsigned long long mem; unsigned gi, ci; } Proc2;
typedef struct { unsigned pid; unsigned long long timeStamp; unsigned smUtil, memUtil, encUtil, decUtil; } ProcUtil;
typedef struct { unsigned fieldId, scopeId; long long timestamp, latencyUsec; int valueType, nvmlReturn; Value value; } Field;
typedef struct { void *device; unsigned long long eventType, eventData; unsigned gi, ci; } Event;
typedef struct { unsigned char clusterUuid[16]; unsigned status, cliqueId; unsigned char state; } Fabric;
typedef struct { unsigned version; unsigned char clusterUuid[16]; unsigned status, cliqueId; unsigned char state; unsigned healthMask; } Fabric2;

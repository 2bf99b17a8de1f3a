/* nvmlstub - a simulated libnvidia-ml.so.1 for measuring and testing GPU monitors on machines with no GPU.
 *
 * Written from the public NVML API reference; contains no NVIDIA code and needs no NVIDIA header.
 * `make check-abi NVML_H=dir` compares every struct below with a real nvml.h when one is at hand.
 *
 * The fleet is described by a JSON file ($NVMLSTUB_FLEET) or, without one, by $NVMLSTUB_GPUS=<n>.
 * See README.md for the schema. One translation unit: the parts share static state.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "nvmlstub_abi.h"

#define API __attribute__((visibility("default")))

enum { OK = 0, E_UNINIT = 1, E_ARG = 2, E_NOSUP = 3, E_PERM = 4, E_NOTFOUND = 6, E_SIZE = 7, E_DRIVER = 9,
       E_TIMEOUT = 10, E_LOST = 15, E_VERSION = 25, E_UNKNOWN = 999 };

#include "json.c"
#include "fleet.c"
#include "entry.c"
#include "api_system.c"
#include "api_telemetry.c"
#include "api_health.c"
#include "api_processes.c"

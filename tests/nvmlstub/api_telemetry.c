/* Memory, utilisation, samples, power, clocks, temperatures. */
/* ---------------------------------------------------------------- memory */
static double used(Dev *D) { return fmin(at(&D->mem, now()), D->total); }
API int nvmlDeviceGetMemoryInfo(void *d, Mem *m) { ENTER(d); NEED(m); double x = used(D) + D->reserved; m->total = (unsigned long long)(D->total * 1048576); m->used = (unsigned long long)(fmin(x, D->total) * 1048576); m->free = m->total - m->used; return OK; }
API int nvmlDeviceGetMemoryInfo_v2(void *d, Mem2 *m) {
    ENTER(d); NEED(m); if (m->version != (sizeof(Mem2) | 2u << 24)) return E_VERSION;
    m->total = (unsigned long long)(D->total * 1048576); m->reserved = (unsigned long long)(D->reserved * 1048576); m->used = (unsigned long long)(fmin(used(D), D->total - D->reserved) * 1048576);
    m->free = m->total - m->used - m->reserved; return OK;
}
API int nvmlDeviceGetBAR1MemoryInfo(void *d, unsigned long long *m) { ENTER(d); NEED(m); m[0] = 131072ull << 20; m[1] = 131070ull << 20; m[2] = 2ull << 20; return OK; }
/* ----------------------------------------------------------- utilisation */
static double umean(const Sig *s) { double e = tick(now(), util_period); return mean(s, e - util_period, e); }
API int nvmlDeviceGetUtilizationRates(void *d, Util *v) { ENTER(d); NEED(v); if (D->is_mig || D->nmig || na(D, "util")) return E_NOSUP; v->gpu = u(umean(&D->util)); v->memory = u(umean(&D->mem_util)); return OK; }
#define ENGINE(fn, field) API int fn(void *d, unsigned *v, unsigned *us) { ENTER(d); NEED(v && us); if (D->is_mig || D->nmig || na(D, #field)) return E_NOSUP; *v = u(umean(&D->field)); *us = (unsigned)(util_period * 1e6); return OK; }
ENGINE(nvmlDeviceGetEncoderUtilization, enc)
ENGINE(nvmlDeviceGetDecoderUtilization, dec)
ENGINE(nvmlDeviceGetJpgUtilization, jpg)
ENGINE(nvmlDeviceGetOfaUtilization, ofa)
API int nvmlDeviceGetSamples(void *d, int type, unsigned long long last, int *vt, unsigned *n, Sample *out) {
    ENTER(d); NEED(vt && n); *vt = 1; if (out && !*n) return E_ARG;
    Sig *s = type == 0 || type == 7 ? &D->power : type == 1 ? &D->util : type == 2 ? &D->mem_util : type == 3 ? &D->enc : type == 4 ? &D->dec :
             type == 5 ? &D->sm_clk : type == 6 ? &D->mem_clk : type == 8 ? &D->jpg : type == 9 ? &D->ofa : NULL;
    if (!s) return E_ARG;
    if ((D->nmig || D->is_mig) && type >= 1 && type <= 4) return E_NOSUP;
    double p = type == 0 || type == 7 ? power_period : util_period, e = tick(now(), p); int keep = type == 0 || type == 7 ? power_keep : util_keep;
    if (!out) { *n = keep; return OK; }            /* like the driver: the capacity, not what is new */
    unsigned got = 0;
    for (int i = keep - 1; i >= 0 && got < *n; i--) {
        double t = e - i * p; unsigned long long us = (unsigned long long)(t * 1e6 + .5);
        if (us <= last) continue;
        out[got].timeStamp = us; out[got].v.ull = 0; out[got].v.ui = u(mean(s, t - p, t) * (type == 0 || type == 7 ? 1000 : 1)); got++;
    }
    *n = got; return got ? OK : E_NOTFOUND;
}
/* ------------------------------------------------ power, clocks, thermals */
API int nvmlDeviceGetPowerUsage(void *d, unsigned *v) { ENTER(d); NEED(v); if (D->is_mig || na(D, "power")) return E_NOSUP; double e = tick(now(), power_period); *v = u(mean(&D->power, e - 1, e) * 1000); return OK; }
static unsigned long long energy(Dev *D) { return (unsigned long long)((integral(&D->power, now()) - integral(&D->power, T0)) * 1000); }
API int nvmlDeviceGetTotalEnergyConsumption(void *d, unsigned long long *v) { ENTER(d); NEED(v); if (D->is_mig || na(D, "energy")) return E_NOSUP; *v = energy(D); return OK; }
#define LIMIT(fn) API int fn(void *d, unsigned *v) { ENTER(d); NEED(v); if (D->is_mig || na(D, "power")) return E_NOSUP; *v = u(D->limit * 1000); return OK; }
LIMIT(nvmlDeviceGetEnforcedPowerLimit)
LIMIT(nvmlDeviceGetPowerManagementLimit)
LIMIT(nvmlDeviceGetPowerManagementDefaultLimit)
API int nvmlDeviceGetPowerManagementLimitConstraints(void *d, unsigned *a, unsigned *b) { ENTER(d); NEED(a && b); *a = 200000; *b = u(D->limit * 1000); return OK; }
API int nvmlDeviceGetPowerManagementMode(void *d, unsigned *v) { ENTER(d); NEED(v); *v = 1; return OK; }
API int nvmlDeviceGetTemperature(void *d, int s, unsigned *v) { ENTER(d); (void)s; NEED(v); if (na(D, "temp")) return E_NOSUP; *v = u(at(&D->temp, now())); return OK; }
API int nvmlDeviceGetTemperatureV(void *d, TempV *t) { ENTER(d); NEED(t); if (t->version != (sizeof(TempV) | 1u << 24)) return E_VERSION; if (na(D, "temp")) return E_NOSUP; t->temperature = (int)u(at(&D->temp, now())); return OK; }
API int nvmlDeviceGetTemperatureThreshold(void *d, int k, unsigned *v) { ENTER(d); NEED(v); *v = k == 0 ? 95 : k == 1 ? 92 : 87; return OK; }
API int nvmlDeviceGetFanSpeed(void *d, unsigned *v) { ENTER(d); NEED(v); double f = at(&D->fan, now()); if (f < 0) return E_NOSUP; *v = u(f); return OK; }
API int nvmlDeviceGetFanSpeed_v2(void *d, unsigned i, unsigned *v) { ENTER(d); (void)i; NEED(v); double f = at(&D->fan, now()); if (f < 0) return E_NOSUP; *v = u(f); return OK; }
API int nvmlDeviceGetNumFans(void *d, unsigned *v) { ENTER(d); NEED(v); *v = D->fan.lo < 0 ? 0 : 1; return OK; }
static int clk(Dev *D, int t, unsigned *v) { NEED(v); if (t < 0 || t > 3) return E_ARG; *v = u(at(t == 2 ? &D->mem_clk : &D->sm_clk, now())); return OK; }
API int nvmlDeviceGetClockInfo(void *d, int t, unsigned *v) { ENTER(d); return clk(D, t, v); }
API int nvmlDeviceGetMaxClockInfo(void *d, int t, unsigned *v) { ENTER(d); NEED(v); *v = t == 2 ? 2619 : 1980; return OK; }
API int nvmlDeviceGetApplicationsClock(void *d, int t, unsigned *v) { ENTER(d); NEED(v); *v = t == 2 ? 2619 : 1980; return OK; }
API int nvmlDeviceGetPerformanceState(void *d, int *v) { ENTER(d); NEED(v); *v = (int)jnum(D->cfg, "pstate", 0); return OK; }
static unsigned long long reasons(Dev *D) { return (unsigned long long)jnum(D->cfg, "throttle", umean(&D->util) < 1 ? 1 : 0); }
API int nvmlDeviceGetCurrentClocksThrottleReasons(void *d, unsigned long long *v) { ENTER(d); NEED(v); if (na(D, "throttle")) return E_NOSUP; *v = reasons(D); return OK; }
API int nvmlDeviceGetCurrentClocksEventReasons(void *d, unsigned long long *v) { ENTER(d); NEED(v); if (na(D, "throttle")) return E_NOSUP; *v = reasons(D); return OK; }
API int nvmlDeviceGetSupportedClocksThrottleReasons(void *d, unsigned long long *v) { ENTER(d); NEED(v); *v = 0x1ff; return OK; }
API int nvmlDeviceGetSupportedClocksEventReasons(void *d, unsigned long long *v) { ENTER(d); NEED(v); *v = 0x1ff; return OK; }

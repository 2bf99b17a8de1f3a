/* Processes, events, and the entry points that are present but answer NOT_SUPPORTED. */
/* -------------------------------------------------------------- processes */
static int procs(Dev *D, int graphics, unsigned *n, char *out, int v1) {
    unsigned have = 0; Dev *src = D->is_mig ? D->parent : D;
    NEED(n);
    for (int i = 0; i < src->nproc; i++) {
        Proc *p = &src->procs[i];
        if (p->graphics != graphics || (D->is_mig && p->gi != (unsigned)D->gi)) continue;
        if (out && have < *n) {
            if (v1) { Proc1 x = {p->pid, (unsigned long long)(p->mem * 1048576)}; memcpy(out + have * sizeof x, &x, sizeof x); }
            else { Proc2 x = {p->pid, na(D, "proc_mem") ? ~0ull : (unsigned long long)(p->mem * 1048576), p->gi, p->ci}; memcpy(out + have * sizeof x, &x, sizeof x); }
        }
        have++;
    }
    unsigned room = out ? *n : 0; *n = have;
    return have > room ? E_SIZE : OK;
}
#define PROCS(fn, g, v1) API int fn(void *d, unsigned *n, char *out) { ENTER(d); if (na(D, "procs")) return E_NOSUP; return procs(D, g, n, out, v1); }
PROCS(nvmlDeviceGetComputeRunningProcesses, 0, 1)
PROCS(nvmlDeviceGetComputeRunningProcesses_v2, 0, 0)
PROCS(nvmlDeviceGetComputeRunningProcesses_v3, 0, 0)
PROCS(nvmlDeviceGetGraphicsRunningProcesses, 1, 1)
PROCS(nvmlDeviceGetGraphicsRunningProcesses_v2, 1, 0)
PROCS(nvmlDeviceGetGraphicsRunningProcesses_v3, 1, 0)
PROCS(nvmlDeviceGetMPSComputeRunningProcesses_v3, 2, 0)
API int nvmlDeviceGetRunningProcessDetailList(void *d, void *p) { ENTER(d); (void)p; return E_NOSUP; }
API int nvmlDeviceGetProcessUtilization(void *d, ProcUtil *out, unsigned *n, unsigned long long last) {
    ENTER(d); NEED(n); if (D->nmig || D->is_mig || na(D, "proc_util")) return E_NOSUP;
    double e = tick(now(), util_period); unsigned long long us = (unsigned long long)(e * 1e6 + .5);
    double from = e - util_period * util_keep; if (last && last / 1e6 > from) from = last / 1e6;
    if (!D->nproc || us <= last) return E_NOTFOUND;
    if (!out) { *n = (unsigned)D->nproc; return E_SIZE; }
    unsigned got = 0;
    for (int i = 0; i < D->nproc && got < *n; i++) {
        Proc *p = &D->procs[i]; unsigned sm = u(mean(&p->sm, from, e)), fb = u(mean(&p->fb, from, e)), en = u(mean(&p->enc, from, e)), de = u(mean(&p->dec, from, e));
        if (sm + fb + en + de == 0) continue;
        out[got++] = (ProcUtil){p->pid, us, sm, fb, en, de};
    }
    *n = got; return got ? OK : E_NOTFOUND;
}
/* ----------------------------------------------------------------- events */
API int nvmlEventSetCreate(void **s) { ENTER0(); NEED(s); *s = calloc(1, 8); return OK; }
API int nvmlEventSetFree(void *s) { ENTER0(); free(s); return OK; }
API int nvmlDeviceRegisterEvents(void *d, unsigned long long t, void *s) { ENTER(d); (void)t; (void)s; return OK; }
API int nvmlDeviceGetSupportedEventTypes(void *d, unsigned long long *t) { ENTER(d); NEED(t); *t = 0x1f; return OK; }
static int wait_event(Event *e, unsigned ms) {
    NEED(e);
    for (double end = now() + ms / 1e3;;) {
        double el = now() - start;
        for (int i = 0; i < nxid; i++) if (!xids[i].sent && el >= xids[i].at && xids[i].gpu < ndev) { xids[i].sent = 1; *e = (Event){&devs[xids[i].gpu], 8, xids[i].xid, ~0u, ~0u}; return OK; }
        if (now() >= end) return E_TIMEOUT;
        usleep(10000);
    }
}
API int nvmlEventSetWait_v2(void *s, Event *e, unsigned ms) { ENTER0(); (void)s; return wait_event(e, ms); }
API int nvmlEventSetWait(void *s, Event *e, unsigned ms) { ENTER0(); (void)s; return wait_event(e, ms); }
/* ------------------------------------------- present, but "Not Supported" */
#define NOSUP(fn) API int fn(void *d) { ENTER(d); return E_NOSUP; }
NOSUP(nvmlDeviceGetCurrentDriverModel) NOSUP(nvmlDeviceGetDriverModel_v2) NOSUP(nvmlDeviceGetDriverModel) NOSUP(nvmlDeviceGetConfComputeMemSizeInfo)
NOSUP(nvmlDeviceGetRetiredPages) NOSUP(nvmlDeviceGetRetiredPages_v2) NOSUP(nvmlDeviceGetViolationStatus)
NOSUP(nvmlDeviceGetAccountingMode) NOSUP(nvmlDeviceGetVirtualizationMode) NOSUP(nvmlDeviceGetInforomImageVersion) NOSUP(nvmlDeviceGetProcessesUtilizationInfo)
NOSUP(nvmlDeviceGetCpuAffinity) NOSUP(nvmlDeviceGetNumaNodeId) NOSUP(nvmlDeviceGetBoardId) NOSUP(nvmlDeviceGetBoardPartNumber)
NOSUP(nvmlDeviceGetRowRemapperHistogram) NOSUP(nvmlDeviceGetRunningProcessDetailList_v1) NOSUP(nvmlDeviceGetDynamicPstatesInfo) NOSUP(nvmlGpmQueryDeviceSupport)

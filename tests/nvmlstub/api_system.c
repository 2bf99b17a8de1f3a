/* Start-up, system queries, handles and identity. */
static int do_init(void) {
    while (access(wedge_file(), F_OK) == 0) pause();
    pthread_mutex_lock(&mu);
    if (!inited && !devs) { start = now(); load(); }
    int r = init_ret; Fault *fault = planned("nvmlInit", -2, 0);
    if (!r && !fault) inited++;
    pthread_mutex_unlock(&mu);
    return r ? r : suffer(fault);
}
API int nvmlInitWithFlags(unsigned f) { (void)f; static Ctr c_ = {.name = __func__}; int r = do_init(); enter(&c_, NULL, 0); return r; }
API int nvmlInit_v2(void) { return do_init(); }
API int nvmlInit(void) { return do_init(); }
API int nvmlShutdown(void) { int r; pthread_mutex_lock(&mu); r = inited ? (inited--, OK) : E_UNINIT; flush_log(); pthread_mutex_unlock(&mu); return r; }
API const char *nvmlErrorString(int r) {
    switch (r) {
    case 0: return "Success"; case 1: return "Uninitialized"; case 2: return "Invalid Argument"; case 3: return "Not Supported";
    case 4: return "Insufficient Permissions"; case 6: return "Not Found"; case 7: return "Insufficient Size"; case 9: return "Driver Not Loaded";
    case 10: return "Timeout"; case 13: return "Function Not Found"; case 15: return "GPU is lost"; case 16: return "GPU requires reset";
    case 18: return "Driver/library version mismatch"; case 25: return "Argument version mismatch"; default: return "Unknown Error"; }
}
API int nvmlSystemGetDriverVersion(char *v, unsigned n) { ENTER0(); return put(v, n, driver); }
API int nvmlSystemGetNVMLVersion(char *v, unsigned n) { ENTER0(); return put(v, n, nvmlver); }
API int nvmlSystemGetCudaDriverVersion(int *v) { ENTER0(); NEED(v); *v = cuda; return OK; }
API int nvmlSystemGetCudaDriverVersion_v2(int *v) { ENTER0(); NEED(v); *v = cuda; return OK; }
API int nvmlSystemGetProcessName(unsigned pid, char *name, unsigned n) {
    ENTER0(); char path[64], buf[256] = ""; snprintf(path, sizeof path, "/proc/%u/cmdline", pid);
    FILE *f = fopen(path, "r"); if (!f) return E_NOTFOUND;
    if (fread(buf, 1, sizeof buf - 1, f) == 0) buf[0] = 0;
    fclose(f); if (name && n) { snprintf(name, n, "%s", buf); } return OK;
}
/* --------------------------------------------------------------- handles */
static int count(unsigned *n) { NEED(n); *n = ndev; return OK; }
API int nvmlDeviceGetCount_v2(unsigned *n) { ENTER0(); return count(n); }
API int nvmlDeviceGetCount(unsigned *n) { ENTER0(); return count(n); }
static int by_index(unsigned i, void **h) {
    NEED(h); if (i >= (unsigned)ndev) return E_ARG;
    Fault *fault = planned("nvmlDeviceGetHandle", (int)i, 0);   /* a GPU already lost cannot even be opened */
    if (fault) return suffer(fault);
    *h = &devs[i]; return OK;
}
API int nvmlDeviceGetHandleByIndex_v2(unsigned i, void **h) { ENTER0(); return by_index(i, h); }
API int nvmlDeviceGetHandleByIndex(unsigned i, void **h) { ENTER0(); return by_index(i, h); }
API int nvmlDeviceGetHandleByUUID(const char *s, void **h) {
    ENTER0(); NEED(s && h);
    for (int i = 0; i < ndev; i++) { if (!strcmp(devs[i].uuid, s)) { *h = &devs[i]; return OK; }
        for (int m = 0; m < devs[i].nmig; m++) if (!strcmp(devs[i].mig[m].uuid, s)) { *h = &devs[i].mig[m]; return OK; } }
    return E_NOTFOUND;
}
API int nvmlDeviceGetHandleBySerial(const char *s, void **h) { ENTER0(); NEED(s && h); for (int i = 0; i < ndev; i++) if (!strcmp(devs[i].serial, s)) { *h = &devs[i]; return OK; } return E_NOTFOUND; }
static int by_bus(const char *s, void **h) {
    NEED(s && h);
    for (int i = 0; i < ndev; i++) { size_t a = strlen(devs[i].bus), b = strlen(s); const char *x = devs[i].bus, *y = s;
        if (a > b) x += a - b; else y += b - a;
        if (!strcasecmp(x, y)) { *h = &devs[i]; return OK; } }
    return E_NOTFOUND;
}
API int nvmlDeviceGetHandleByPciBusId_v2(const char *s, void **h) { ENTER0(); return by_bus(s, h); }
API int nvmlDeviceGetHandleByPciBusId(const char *s, void **h) { ENTER0(); return by_bus(s, h); }
API int nvmlDeviceGetIndex(void *d, unsigned *v) { ENTER(d); NEED(v); *v = D->idx; return OK; }
API int nvmlDeviceGetMinorNumber(void *d, unsigned *v) { ENTER(d); NEED(v); *v = D->idx; return OK; }
API int nvmlDeviceGetName(void *d, char *s, unsigned n) { ENTER(d); return put(s, n, D->name); }
API int nvmlDeviceGetUUID(void *d, char *s, unsigned n) { ENTER(d); return put(s, n, D->uuid); }
API int nvmlDeviceGetSerial(void *d, char *s, unsigned n) { ENTER(d); if (na(D, "serial")) return E_NOSUP; return put(s, n, D->serial); }
API int nvmlDeviceGetBrand(void *d, unsigned *v) { ENTER(d); NEED(v); *v = 14; return OK; }
API int nvmlDeviceGetArchitecture(void *d, unsigned *v) { ENTER(d); NEED(v); *v = (unsigned)jnum(D->parent ? D->parent->cfg : D->cfg, "architecture", 9); return OK; }
API int nvmlDeviceGetCudaComputeCapability(void *d, int *a, int *b) { ENTER(d); NEED(a && b); return sscanf(jtxt(D->parent ? D->parent->cfg : D->cfg, "cc", "9.0"), "%d.%d", a, b) == 2 ? OK : E_UNKNOWN; }
API int nvmlDeviceGetVbiosVersion(void *d, char *s, unsigned n) { ENTER(d); return put(s, n, jtxt(D->cfg, "vbios", "96.00.89.00.01")); }
static int pci(Dev *D, Pci *p) {
    unsigned dom = 0, bus = 0, dev = 0; NEED(p); memset(p, 0, sizeof *p); sscanf(D->bus, "%x:%x:%x", &dom, &bus, &dev);
    unsigned vendor = 0x10de, device = 0x2330; sscanf(jtxt(D->cfg, "pci_id", ""), "%x:%x", &vendor, &device);
    p->domain = dom; p->bus = bus; p->device = dev; p->pciDeviceId = device << 16 | vendor; p->pciSubSystemId = 0x16c110de;
    snprintf(p->busIdLegacy, sizeof p->busIdLegacy, "%04X:%02X:%02X.0", dom & 0xffff, bus & 0xff, dev & 0xff); snprintf(p->busId, sizeof p->busId, "%s", D->bus); return OK;
}
API int nvmlDeviceGetPciInfo_v3(void *d, Pci *p) { ENTER(d); return pci(D, p); }
API int nvmlDeviceGetPciInfo_v2(void *d, Pci *p) { ENTER(d); return pci(D, p); }

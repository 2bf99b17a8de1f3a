/* Modes, ECC, PCIe, MIG, NVLink fabric, field values. */
/* ------------------------------------------------------------------ modes */
API int nvmlDeviceGetPersistenceMode(void *d, unsigned *v) { ENTER(d); NEED(v); *v = (unsigned)jnum(D->cfg, "persistence", 1); return OK; }
API int nvmlDeviceGetComputeMode(void *d, unsigned *v) { ENTER(d); NEED(v); *v = (unsigned)jnum(D->cfg, "compute_mode", 0); return OK; }
API int nvmlDeviceGetDisplayMode(void *d, unsigned *v) { ENTER(d); NEED(v); *v = (unsigned)jnum(D->cfg, "display", 0); return OK; }
API int nvmlDeviceGetDisplayActive(void *d, unsigned *v) { ENTER(d); NEED(v); *v = (unsigned)jnum(D->cfg, "display", 0); return OK; }
/* -------------------------------------------------------------------- ECC */
API int nvmlDeviceGetEccMode(void *d, unsigned *a, unsigned *b) { ENTER(d); NEED(a && b); if (na(D, "ecc")) return E_NOSUP; *a = (unsigned)jnum(D->cfg, "ecc_mode", 1); *b = (unsigned)jnum(D->cfg, "ecc_mode_pending", *a); return OK; }
API int nvmlDeviceGetRetiredPagesPendingStatus(void *d, unsigned *v) { ENTER(d); NEED(v); if (!jget(D->cfg, "retired_pending")) return E_NOSUP; *v = (unsigned)jnum(D->cfg, "retired_pending", 0); return OK; }
API int nvmlDeviceGetTotalEccErrors(void *d, int kind, int counter, unsigned long long *v) { ENTER(d); NEED(v); if (na(D, "ecc")) return E_NOSUP; const char *k = kind ? "ecc_uncorrected" : "ecc_corrected"; char total[40]; snprintf(total, sizeof total, "%s_total", k); *v = (unsigned long long)jnum(D->cfg, counter ? total : k, jnum(D->cfg, k, 0)); return OK; }
API int nvmlDeviceGetMemoryErrorCounter(void *d, int kind, int counter, int loc, unsigned long long *v) { ENTER(d); (void)counter; (void)loc; NEED(v); if (na(D, "ecc")) return E_NOSUP; *v = (unsigned long long)jnum(D->cfg, kind ? "ecc_uncorrected" : "ecc_corrected", 0); return OK; }
API int nvmlDeviceGetRemappedRows(void *d, unsigned *c, unsigned *un, unsigned *pend, unsigned *fail) { ENTER(d); NEED(c && un && pend && fail); if (na(D, "ecc")) return E_NOSUP; *c = (unsigned)jnum(D->cfg, "remap_corrected", 0); *un = (unsigned)jnum(D->cfg, "remap_uncorrected", 0); *pend = (unsigned)jnum(D->cfg, "remap_pending", 0); *fail = (unsigned)jnum(D->cfg, "remap_failed", 0); return OK; }
/* ------------------------------------------------------------------- PCIe */
API int nvmlDeviceGetPcieThroughput(void *d, int which, unsigned *v) { ENTER(d); NEED(v); if (D->is_mig || na(D, "pcie")) return E_NOSUP; *v = u(mean(which ? &D->rx : &D->tx, now() - .02, now())); return OK; }
#define FIXED(fn, val) API int fn(void *d, unsigned *v) { ENTER(d); NEED(v); *v = val; return OK; }
FIXED(nvmlDeviceGetCurrPcieLinkGeneration, (unsigned)jnum(D->cfg, "pcie_gen", 5))
FIXED(nvmlDeviceGetMaxPcieLinkGeneration, (unsigned)jnum(D->cfg, "pcie_gen_max", 5))
FIXED(nvmlDeviceGetCurrPcieLinkWidth, (unsigned)jnum(D->cfg, "pcie_width", 16))
FIXED(nvmlDeviceGetMaxPcieLinkWidth, (unsigned)jnum(D->cfg, "pcie_width_max", 16))
FIXED(nvmlDeviceGetPcieReplayCounter, 0)
FIXED(nvmlDeviceGetNumGpuCores, 16896)
FIXED(nvmlDeviceGetMemoryBusWidth, 5120)
API int nvmlDeviceGetNvLinkState(void *d, unsigned l, unsigned *v) { ENTER(d); NEED(v); if (l >= (unsigned)jnum(D->cfg, "nvlinks", 0)) return E_NOSUP; *v = 1; return OK; }
/* -------------------------------------------------------------------- MIG */
API int nvmlDeviceGetMigMode(void *d, unsigned *a, unsigned *b) { ENTER(d); NEED(a && b); if (D->is_mig) return E_ARG; if (na(D, "mig")) return E_NOSUP; *a = jget(D->cfg, "mig") != NULL; *b = (unsigned)jnum(D->cfg, "mig_pending", *a); return OK; }
API int nvmlDeviceGetMaxMigDeviceCount(void *d, unsigned *v) { ENTER(d); NEED(v); *v = D->is_mig ? 0 : 7; return OK; }
API int nvmlDeviceGetMigDeviceHandleByIndex(void *d, unsigned i, void **h) { ENTER(d); NEED(h); if (i >= (unsigned)D->nmig) return E_NOTFOUND; *h = &D->mig[i]; return OK; }
API int nvmlDeviceGetDeviceHandleFromMigDeviceHandle(void *d, void **h) { ENTER(d); NEED(h); if (!D->is_mig) return E_ARG; *h = D->parent; return OK; }
API int nvmlDeviceIsMigDeviceHandle(void *d, unsigned *v) { ENTER(d); NEED(v); *v = D->is_mig; return OK; }
API int nvmlDeviceGetGpuInstanceId(void *d, unsigned *v) { ENTER(d); NEED(v); if (!D->is_mig) return E_NOSUP; *v = D->gi; return OK; }
API int nvmlDeviceGetComputeInstanceId(void *d, unsigned *v) { ENTER(d); NEED(v); if (!D->is_mig) return E_NOSUP; *v = D->ci; return OK; }
API int nvmlDeviceGetAttributes_v2(void *d, Attr *a) { ENTER(d); NEED(a); if (!D->is_mig) return E_NOSUP; memset(a, 0, sizeof *a); a->multiprocessorCount = 60; a->gpuInstanceSliceCount = 3; a->computeInstanceSliceCount = 3; a->memorySizeMB = (unsigned long long)D->total; return OK; }
/* ----------------------------------------------------------------- fabric */
static int fabric(Dev *D, unsigned *status, unsigned char *state) {
    if (!jget(D->cfg, "fabric_state")) return E_NOSUP;
    *state = (unsigned char)jnum(D->cfg, "fabric_state", 0); *status = (unsigned)jnum(D->cfg, "fabric_status", 0);
    return OK;
}
API int nvmlDeviceGetGpuFabricInfo(void *d, Fabric *f) { ENTER(d); NEED(f); memset(f, 0, sizeof *f); return fabric(D, &f->status, &f->state); }
API int nvmlDeviceGetGpuFabricInfoV(void *d, Fabric2 *f) {
    ENTER(d); NEED(f); unsigned version = f->version;
    if (version != (sizeof(Fabric2) | 2u << 24)) return E_VERSION;
    memset(f, 0, sizeof *f); f->version = version; f->healthMask = (unsigned)jnum(D->cfg, "fabric_health", 0);
    return fabric(D, &f->status, &f->state);
}
/* ----------------------------------------------------------- field values */
API int nvmlDeviceGetFieldValues(void *d, int n, Field *f) {
    ENTER(d); NEED(f && n > 0); double t = now();
    for (int i = 0; i < n; i++) {
        Field *x = &f[i]; x->timestamp = (long long)(t * 1e6); x->latencyUsec = 1; x->nvmlReturn = OK; x->valueType = 3; x->value.ull = 0;
        switch (x->fieldId) {
        case 1: x->valueType = 1; x->value.ui = !na(D, "ecc"); break;
        case 3: case 5: x->value.ull = (unsigned long long)jnum(D->cfg, "ecc_corrected", 0); break;
        case 4: case 6: x->value.ull = (unsigned long long)jnum(D->cfg, "ecc_uncorrected", 0); break;
        case 82: x->valueType = 1; x->value.ui = u(at(&D->temp, t)) + 6; break;
        case 83: case 191: x->value.ull = energy(D); if (na(D, "energy")) x->nvmlReturn = E_NOSUP; break;
        case 91: x->valueType = 1; x->value.ui = (unsigned)jnum(D->cfg, "nvlinks", 0); break;
        case 138: case 140: x->value.ull = (unsigned long long)(integral(&D->nvtx, t) - integral(&D->nvtx, T0)); if (!jnum(D->cfg, "nvlinks", 0)) x->nvmlReturn = E_NOSUP; break;
        case 139: case 141: x->value.ull = (unsigned long long)(integral(&D->nvrx, t) - integral(&D->nvrx, T0)); if (!jnum(D->cfg, "nvlinks", 0)) x->nvmlReturn = E_NOSUP; break;
        case 142: x->valueType = 1; x->value.ui = (unsigned)jnum(D->cfg, "remap_corrected", 0); break;
        case 143: x->valueType = 1; x->value.ui = (unsigned)jnum(D->cfg, "remap_uncorrected", 0); break;
        case 144: x->valueType = 1; x->value.ui = (unsigned)jnum(D->cfg, "remap_pending", 0); break;
        case 145: x->valueType = 1; x->value.ui = (unsigned)jnum(D->cfg, "remap_failed", 0); break;
        case 185: x->valueType = 1; x->value.ui = u(mean(&D->power, t - 1, t) * 1000); break;
        case 186: x->valueType = 1; x->value.ui = u(at(&D->power, t) * 1000); break;
        case 197: x->value.ull = (unsigned long long)((integral(&D->tx, t) - integral(&D->tx, T0)) * 1024); break;
        case 198: x->value.ull = (unsigned long long)((integral(&D->rx, t) - integral(&D->rx, T0)) * 1024); break;
        default: x->nvmlReturn = E_NOSUP;
        }
    }
    return OK;
}

/* The simulated machine: signals over time, GPUs, planned faults and Xids, read from the fleet JSON. */
/* A signal is a number or {"wave":"sine|square|const","min":..,"max":..,"period_s":..,"duty":..,"phase_s":..}.
 * Each has an exact integral, so a window mean is exact and every process on the machine sees the same history. */
typedef struct { int kind; double lo, hi, period, duty, phase; } Sig;
static Sig sig(J *o, const char *k, double dflt) {
    Sig s = {0, dflt, dflt, 1, .5, 0};
    J *v = jget(o, k);
    if (!v) return s;
    if (v->t == 'd') { s.lo = s.hi = v->n; return s; }
    const char *w = jtxt(v, "wave", "const");
    s.kind = !strcmp(w, "sine") ? 1 : !strcmp(w, "square") ? 2 : 0;
    s.lo = jnum(v, "min", 0); s.hi = jnum(v, "max", 100);
    s.period = jnum(v, "period_s", 10); s.duty = jnum(v, "duty", .5); s.phase = jnum(v, "phase_s", 0);
    return s;
}
#define T0 1700000000.0                            /* the simulated driver was loaded then: energy counts from it */
static double integral(const Sig *s, double t) {
    t += s->phase - T0;                            /* small numbers keep the difference of two integrals exact */
    if (s->kind == 1) return (s->lo + s->hi) / 2 * t - (s->hi - s->lo) / 2 * s->period / (2 * M_PI) * cos(2 * M_PI * t / s->period);
    if (s->kind == 2) {
        double n = floor(t / s->period), r = t - n * s->period, on = s->duty * s->period;
        return n * (on * s->hi + (s->period - on) * s->lo) + fmin(r, on) * s->hi + fmax(0, r - on) * s->lo;
    }
    return s->lo * t;
}
static double mean(const Sig *s, double a, double b) { return (integral(s, b) - integral(s, a)) / (b - a); }
static double at(const Sig *s, double t) {
    t += s->phase - T0;
    if (s->kind == 1) return (s->lo + s->hi) / 2 + (s->hi - s->lo) / 2 * sin(2 * M_PI * t / s->period);
    if (s->kind == 2) return t - floor(t / s->period) * s->period < s->duty * s->period ? s->hi : s->lo;
    return s->lo;
}

/* ----------------------------------------------------------------- fleet */
typedef struct { unsigned pid; double mem; unsigned gi, ci; int graphics; Sig sm, fb, enc, dec; } Proc;
typedef struct Dev {
    int idx, is_mig, nproc, nmig, gi, ci; struct Dev *parent, *mig; J *cfg;
    char name[96], uuid[80], serial[30], bus[32];
    Sig util, mem_util, enc, dec, jpg, ofa, power, temp, mem, tx, rx, nvtx, nvrx, sm_clk, mem_clk, fan;
    double total, reserved, limit; Proc *procs;
} Dev;
typedef struct { int gpu; char fn[80]; int ret, hang, wedge, crash; double after, until; } Fault;
typedef struct { int gpu; double at; unsigned long long xid; int sent; } Xid;
typedef struct { char fn[80]; double us; } Lat;

static Dev *devs; static int ndev, inited, init_ret;
static Fault *faults; static int nfault; static Xid *xids; static int nxid; static Lat *lats; static int nlat;
static double util_period = 1.0 / 6, power_period = 0.02, start; static int util_keep = 99, power_keep = 119;
static char driver[80] = "580.65.06", nvmlver[80] = "13.580.65.06"; static int cuda = 13000;
static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;

static double now(void) { struct timespec t; clock_gettime(CLOCK_REALTIME, &t); return t.tv_sec + t.tv_nsec / 1e9; }

static unsigned nth_pid(int n) {                   /* "pid":"$0" takes the first of NVMLSTUB_PIDS=12,34,.. */
    const char *p = getenv("NVMLSTUB_PIDS");
    for (; p && n > 0; n--) { p = strchr(p, ','); if (p) p++; }
    return p ? (unsigned)atoi(p) : 0;
}
static void load_dev(Dev *d, J *g, int i, Dev *parent) {
    J *k; int n = 0;
    d->cfg = g; d->idx = i; d->parent = parent; d->is_mig = parent != NULL; d->gi = d->ci = -1;
    snprintf(d->name, sizeof d->name, "%s", jtxt(g, "name", parent ? "NVIDIA H100 80GB HBM3 MIG 3g.40gb" : "NVIDIA H100 80GB HBM3"));
    int base = parent ? parent->idx : i;
    char tmp[80];
    snprintf(tmp, sizeof tmp, "%s-%08x-5717-4562-b3fc-%08x%04x", parent ? "MIG" : "GPU", 0x51a0b000 + base, 0x2c963f66, parent ? i + 1 : 0);
    snprintf(d->uuid, sizeof d->uuid, "%s", jtxt(g, "uuid", tmp));
    snprintf(tmp, sizeof tmp, "15602%08d", base);
    snprintf(d->serial, sizeof d->serial, "%.29s", jtxt(g, "serial", tmp));
    snprintf(tmp, sizeof tmp, "%08X:%02X:00.0", 0, (0x1b + base * 0x10) & 0xff);
    snprintf(d->bus, sizeof d->bus, "%.31s", jtxt(g, "bus_id", tmp));
    d->total = jnum(g, "mem_total_mib", parent ? 40448 : 81559); d->reserved = jnum(g, "mem_reserved_mib", 551);
    d->limit = jnum(g, "power_limit_w", 700);
    d->mem = sig(g, "mem_used_mib", 1000); d->util = sig(g, "util", 0); d->mem_util = sig(g, "mem_util", 0);
    d->enc = sig(g, "enc", 0); d->dec = sig(g, "dec", 0); d->jpg = sig(g, "jpg", 0); d->ofa = sig(g, "ofa", 0);
    d->power = sig(g, "power_w", 90); d->temp = sig(g, "temp_c", 35); d->fan = sig(g, "fan_pct", -1);
    d->tx = sig(g, "pcie_tx_kib", 0); d->rx = sig(g, "pcie_rx_kib", 0); d->nvtx = sig(g, "nvlink_tx_kib", 0); d->nvrx = sig(g, "nvlink_rx_kib", 0);
    d->sm_clk = sig(g, "sm_mhz", 1980); d->mem_clk = sig(g, "mem_mhz", 2619);
    for (k = jget(g, "procs") ? jget(g, "procs")->kid : NULL; k; k = k->next) n++;
    d->procs = calloc(n + 1, sizeof *d->procs);
    for (k = jget(g, "procs") ? jget(g, "procs")->kid : NULL; k; k = k->next) {
        Proc *p = &d->procs[d->nproc++]; J *pid = jget(k, "pid");
        p->pid = pid && pid->t == 's' ? nth_pid(atoi(pid->s + 1)) : (unsigned)jnum(k, "pid", 1);
        p->mem = jnum(k, "mem_mib", 500); p->graphics = !strcmp(jtxt(k, "type", "C"), "G");
        p->gi = (unsigned)jnum(k, "gi", -1); p->ci = (unsigned)jnum(k, "ci", -1);
        if (jnum(k, "gi", -1) < 0) p->gi = p->ci = 0xFFFFFFFFu;
        p->sm = sig(k, "sm", 0); p->fb = sig(k, "fb", 0); p->enc = sig(k, "enc", 0); p->dec = sig(k, "dec", 0);
        if (!p->pid) d->nproc--;
    }
    J *m = jget(g, "mig"); n = 0;
    for (k = m ? m->kid : NULL; k; k = k->next) n++;
    d->mig = n ? calloc(n, sizeof *d->mig) : NULL;
    for (k = m ? m->kid : NULL; k; k = k->next) {
        Dev *c = &d->mig[d->nmig]; load_dev(c, k, d->nmig++, d);
        c->gi = (int)jnum(k, "gi", d->nmig); c->ci = (int)jnum(k, "ci", 0);
    }
}
static void load(void) {
    const char *path = getenv("NVMLSTUB_FLEET"), *n = getenv("NVMLSTUB_GPUS");
    J *root = NULL, *k; int count = n ? atoi(n) : 2, i = 0;
    if (path) {
        FILE *f = fopen(path, "rb"); static char buf[1 << 20];
        if (!f) { fprintf(stderr, "nvmlstub: cannot open %s\n", path); init_ret = E_UNKNOWN; return; }
        buf[fread(buf, 1, sizeof buf - 1, f)] = 0; fclose(f);
        jp = buf; root = jval();
        init_ret = (int)jnum(root, "init_return", 0);
        if (jtxt(root, "stdout", NULL)) { puts(jtxt(root, "stdout", "")); fflush(stdout); }   /* some libraries do print */
        snprintf(driver, sizeof driver, "%s", jtxt(root, "driver", "580.65.06"));
        snprintf(nvmlver, sizeof nvmlver, "%s", jtxt(root, "nvml", "13.580.65.06"));
        cuda = (int)jnum(root, "cuda", cuda);
        util_period = jnum(root, "util_period_ms", util_period * 1e3) / 1e3; util_keep = (int)jnum(root, "util_samples", util_keep);
        power_period = jnum(root, "power_period_ms", power_period * 1e3) / 1e3; power_keep = (int)jnum(root, "power_samples", power_keep);
        J *a = jget(root, "faults"); for (k = a ? a->kid : NULL; k; k = k->next) nfault++;
        faults = calloc(nfault + 1, sizeof *faults); i = 0;
        for (k = a ? a->kid : NULL; k; k = k->next, i++) {
            faults[i].gpu = (int)jnum(k, "gpu", -1); faults[i].ret = (int)jnum(k, "ret", E_UNKNOWN);
            faults[i].hang = (int)jnum(k, "hang", 0); faults[i].wedge = (int)jnum(k, "wedge", 0); faults[i].crash = (int)jnum(k, "crash", 0);
            faults[i].after = jnum(k, "after_s", 0); faults[i].until = jnum(k, "until_s", 1e18);
            snprintf(faults[i].fn, sizeof faults[i].fn, "%s", jtxt(k, "fn", "*"));
        }
        a = jget(root, "xids"); for (k = a ? a->kid : NULL; k; k = k->next) nxid++;
        xids = calloc(nxid + 1, sizeof *xids); i = 0;
        for (k = a ? a->kid : NULL; k; k = k->next, i++) xids[i] = (Xid){(int)jnum(k, "gpu", 0), jnum(k, "at_s", 1), (unsigned long long)jnum(k, "xid", 79), 0};
        a = jget(root, "latency_us"); for (k = a ? a->kid : NULL; k; k = k->next) nlat++;
        lats = calloc(nlat + 1, sizeof *lats); i = 0;
        for (k = a ? a->kid : NULL; k; k = k->next, i++) { snprintf(lats[i].fn, 80, "%s", k->key); lats[i].us = k->n; }
        a = jget(root, "gpus");
        if (a) { count = 0; for (k = a->kid; k; k = k->next) count += (int)jnum(k, "count", 1); }
    }
    devs = calloc(count + 1, sizeof *devs); ndev = 0;
    J *a = jget(root, "gpus");
    if (a) for (k = a->kid; k; k = k->next) for (int r = (int)jnum(k, "count", 1); r > 0; r--) { load_dev(&devs[ndev], k, ndev, NULL); ndev++; }
    else {
        char *def = "{\"util\":{\"wave\":\"sine\",\"min\":5,\"max\":95,\"period_s\":20},\"mem_util\":40,\"mem_used_mib\":40000,\"power_w\":{\"wave\":\"sine\",\"min\":120,\"max\":650,\"period_s\":20},\"temp_c\":61}";
        jp = def; J *g = jval();
        while (ndev < count) { load_dev(&devs[ndev], g, ndev, NULL); devs[ndev].util.phase = ndev * 3; ndev++; }
    }
}


/* What every entry point passes through: call counting, latency, planned faults; and small helpers. */
typedef struct Ctr { const char *name; unsigned long long n, ns; struct Ctr *next; int seen; double lat; } Ctr;
static Ctr *ctrs; static double last_flush;
static void flush_log(void) {
    const char *base = getenv("NVMLSTUB_LOG"); char path[600], part[600];
    if (!base) return;
    snprintf(path, sizeof path, "%s.%d", base, (int)getpid()); snprintf(part, sizeof part, "%s.part%d", base, (int)getpid());
    FILE *f = fopen(part, "w"); if (!f) return;
    fprintf(f, "{\"pid\":%d,\"elapsed_s\":%.3f,\"calls\":{", (int)getpid(), now() - start);
    for (Ctr *c = ctrs; c; c = c->next) fprintf(f, "%s\"%s\":%llu", c == ctrs ? "" : ",", c->name, c->n);
    fprintf(f, "}}\n"); fclose(f); rename(part, path);   /* a reader never sees half a file */
}
__attribute__((destructor)) static void bye(void) { if (ctrs) flush_log(); }

static int valid(Dev *d) {
    for (int i = 0; i < ndev; i++) {
        if (d == &devs[i]) return 1;
        for (int m = 0; m < devs[i].nmig; m++) if (d == &devs[i].mig[m]) return 1;
    }
    return 0;
}
/* `*` is every device call; `nvmlDeviceGetHandle` is opening a GPU (gpu: its index), `nvmlInit` any way to start. */
static Fault *planned(const char *fn, int gpu, int wants_dev) {
    double el = now() - start;
    for (int i = 0; i < nfault; i++) {
        Fault *f = &faults[i];
        if ((f->gpu == gpu || f->gpu == -1) && el >= f->after && el < f->until &&
            (!strcmp(f->fn, fn) || (wants_dev && !strcmp(f->fn, "*")))) return f;
    }
    return NULL;
}
/* A wedged call keeps the driver's lock even when its process is killed: every later start hangs too. */
static const char *wedge_file(void) { static char path[600]; const char *p = getenv("NVMLSTUB_FLEET"); snprintf(path, sizeof path, "%s.wedged", p ? p : "nvmlstub"); return path; }
static int suffer(const Fault *f) {                 /* never call it with `mu` held: a hung call holds up only itself */
    if (!f) return OK;
    if (f->wedge) { FILE *mark = fopen(wedge_file(), "w"); if (mark) fclose(mark); }
    while (f->hang || f->wedge) pause();
    if (f->crash) raise(SIGSEGV);
    return f->ret;
}
static int enter(Ctr *c, void *dev, int wants_dev) {
    int ret = OK; double sleep_us; Fault *fault = NULL;
    pthread_mutex_lock(&mu);
    if (!c->seen) {
        double star = 0; c->seen = 1; c->lat = -1; c->next = ctrs; ctrs = c;
        for (int i = 0; i < nlat; i++) { if (!strcmp(lats[i].fn, c->name)) c->lat = lats[i].us; if (!strcmp(lats[i].fn, "*")) star = lats[i].us; }
        if (c->lat < 0) c->lat = wants_dev ? star : 0;
    }
    c->n++; sleep_us = c->lat;
    if (!inited) ret = E_UNINIT;
    else if (wants_dev && !valid(dev)) ret = E_ARG;
    else {
        Dev *d = wants_dev ? dev : NULL;
        fault = planned(c->name, d ? (d->parent ? d->parent->idx : d->idx) : -2, wants_dev);
        if (getenv("NVMLSTUB_LOG") && now() - last_flush > .5) { last_flush = now(); flush_log(); }
    }
    pthread_mutex_unlock(&mu);
    if (sleep_us > 0) usleep((useconds_t)sleep_us);
    return ret ? ret : suffer(fault);
}
#define ENTER(d) static Ctr c_ = {.name = __func__}; { int r_ = enter(&c_, d, 1); if (r_) return r_; } Dev *D = (Dev *)(d); (void)D
#define ENTER0() static Ctr c_ = {.name = __func__}; { int r_ = enter(&c_, NULL, 0); if (r_) return r_; }
#define NEED(p) if (!(p)) return E_ARG
static int na(Dev *d, const char *what) {           /* a GPU may list "na": ["fan","power",...] */
    J *a = jget(d->cfg, "na");
    for (J *k = a ? a->kid : NULL; k; k = k->next) if (k->t == 's' && !strcmp(k->s, what)) return 1;
    return 0;
}
static int put(char *out, unsigned len, const char *s) { if (!out) return E_ARG; if (strlen(s) + 1 > len) return E_SIZE; strcpy(out, s); return OK; }
static unsigned u(double x) { return x < 0 ? 0 : (unsigned)(x + .5); }
static double tick(double t, double p) { return floor(t / p) * p; }   /* end of the last finished driver sample */


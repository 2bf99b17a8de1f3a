/* A JSON reader for the fleet description: malformed text stops it, nothing makes it spin. */
typedef struct J { char t; double n; char *s; char *key; struct J *kid, *next; } J; /* t: n(ull) b(ool) d s a o */
static const char *jp;
static void ws(void) { while (*jp && isspace((unsigned char)*jp)) jp++; }
static char *jstr(void) {
    char *out = malloc(strlen(jp) + 1), *o = out;
    for (jp++; *jp && *jp != '"'; jp++) {
        if (*jp == '\\' && jp[1]) { jp++; *o++ = *jp == 'n' ? '\n' : *jp == 't' ? '\t' : *jp; }
        else *o++ = *jp;
    }
    if (*jp) jp++;
    *o = 0;
    return out;
}
static J *jval(void) {
    J *v = calloc(1, sizeof *v), **tail = &v->kid;
    ws();
    if (*jp == '{' || *jp == '[') {
        char close = *jp == '{' ? '}' : ']';
        v->t = *jp == '{' ? 'o' : 'a';
        for (jp++, ws(); *jp && *jp != close; ws()) {
            char *key = NULL;
            if (v->t == 'o') { key = jstr(); ws(); if (*jp == ':') jp++; }
            const char *before = jp;
            *tail = jval(); (*tail)->key = key; tail = &(*tail)->next;
            ws();
            if (*jp == ',') jp++;
            if (jp == before) break;               /* malformed: stop, never spin */
        }
        if (*jp) jp++;
    } else if (*jp == '"') { v->t = 's'; v->s = jstr(); }
    else if (!strncmp(jp, "true", 4)) { v->t = 'b'; v->n = 1; jp += 4; }
    else if (!strncmp(jp, "false", 5)) { v->t = 'b'; jp += 5; }
    else if (!strncmp(jp, "null", 4)) { v->t = 'n'; jp += 4; }
    else { char *e; v->t = 'd'; v->n = strtod(jp, &e); jp = e; }
    return v;
}
static J *jget(J *o, const char *k) {
    for (J *i = o ? o->kid : NULL; i; i = i->next) if (i->key && !strcmp(i->key, k)) return i;
    return NULL;
}
static double jnum(J *o, const char *k, double d) { J *v = jget(o, k); return v && (v->t == 'd' || v->t == 'b') ? v->n : d; }
static const char *jtxt(J *o, const char *k, const char *d) { J *v = jget(o, k); return v && v->t == 's' ? v->s : d; }


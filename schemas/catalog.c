#include "schemas/catalog.h"

#include "schemas/embedded.h"

#include <stdio.h>
#include <stdlib.h>

#define CONTRACTS_MAX 32
#define WORD_MAX      64

struct entry {
    struct relais_contract contract;
    struct relais_slice full, last; /* its name, and what follows its last point */
    char family[WORD_MAX];
    char object[WORD_MAX];
};

static struct entry entries[CONTRACTS_MAX];
static size_t entry_count;

/* EvenementDroit -> droit, Parcage -> parcage. */
static void name_object(const char *full_name, char out[WORD_MAX])
{
    const char *dot = strrchr(full_name, '.');
    const char *s = dot ? dot + 1 : full_name;

    if (strncmp(s, "Evenement", 9) == 0 && s[9])
        s += 9;
    snprintf(out, WORD_MAX, "%s", s);
    for (char *c = out; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
}

static void name_family(const char *embedded_name, char out[WORD_MAX])
{
    const char *slash = strchr(embedded_name, '/');
    int len = slash ? (int)(slash - embedded_name) : 0;

    snprintf(out, WORD_MAX, "%.*s", len, embedded_name);
    if (strcmp(out, "parcage") == 0)
        out[0] = '\0';
}

/* The generator has parsed these very bytes: a failure here is a broken build. */
static void add(const struct relais_embedded *file)
{
    struct entry *entry = &entries[entry_count];
    struct relais_contract *contract = &entry->contract;
    struct relais_slice text = {file->data, file->len};
    const struct relais_avro_type *root;
    bool control;

    contract->schema = relais_avro_new(text, NULL);
    if (!contract->schema || entry_count == CONTRACTS_MAX)
        abort();
    root = relais_avro_root(contract->schema);
    contract->text = text;
    contract->name = root->name;
    contract->size = root->size;
    entry->full = entry->last = relais_slice_str(root->name);
    if (strrchr(root->name, '.'))
        entry->last = relais_slice_str(strrchr(root->name, '.') + 1);
    name_object(root->name, entry->object);
    name_family(file->name, entry->family);
    contract->object = entry->object;
    contract->family = entry->family;
    control = strcmp(entry->family, "control") == 0;
    contract->id = relais_avro_field(root, control            ? "depot"
                                           : entry->family[0] ? entry->object
                                                              : "id");
    if (!contract->id)
        abort();
    contract->fait = relais_avro_field(root, control ? "issue" : "fait");
    if (contract->fait && contract->fait->type->kind != RELAIS_AVRO_ENUM)
        contract->fait = NULL;
    entry_count++;
}

const struct relais_contract *relais_catalog_at(size_t i)
{
    if (entry_count == 0)
        for (const struct relais_embedded *f = relais_embedded_schemas; f->name; f++)
            add(f);
    return i < entry_count ? &entries[i].contract : NULL;
}

const struct relais_contract *relais_catalog_find(const char *name)
{
    struct relais_slice wanted = relais_slice_str(name);
    const struct relais_contract *contract, *of_family = NULL;
    size_t in_family = 0;

    for (size_t i = 0; (contract = relais_catalog_at(i)); i++)
        if (relais_slice_eq(entries[i].full, wanted) ||
            relais_slice_eq(entries[i].last, wanted))
            return contract;
    for (size_t i = 0; name[0] && (contract = relais_catalog_at(i)); i++)
        if (strcmp(contract->family, name) == 0) {
            of_family = contract;
            in_family++;
        }
    return in_family == 1 ? of_family : NULL;
}

struct relais_slice relais_contract_object(const struct relais_contract *contract,
                                           const void *data)
{
    return *(const struct relais_slice *)(const void *)((const char *)data +
                                                        contract->id->offset);
}

int relais_catalog_topic(const struct relais_contract *contract, const char *territory,
                         char *out, size_t out_len)
{
    int n;

    if (!contract->family[0])
        return -1;
    n = snprintf(out, out_len, "%s.%s.v1", territory, contract->family);
    return n < 0 || (size_t)n >= out_len ? -1 : 0;
}

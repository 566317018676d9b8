/* relais keys init|export|check: the ring of keys (contract A11). */
#include "cli/commands.h"
#include "core/day.h"
#include "schemas/keyring.h"

#include <stdio.h>

#define RING_TEXT_MAX (1u << 20)

static int init(const struct cli *cli, const char *path)
{
    struct relais_error err = RELAIS_ERROR_INIT;

    if (relais_keyring_init(path, relais_paris_day(relais_now_us()), &err))
        return cli_fail(cli, &err);
    printf("trousseau créé : %s (0600). Sauvegardez-le à l'abri : sans lui, ni "
           "pseudonyme ni "
           "champ chiffré ne se retrouve.\n",
           path);
    return 0;
}

static int print_ring(const struct cli *cli, const char *path, const char *readers)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_buf out = RELAIS_BUF_INIT(RING_TEXT_MAX);
    struct relais_keyring *ring = relais_keyring_open(path, &err);
    int status = 0;

    if (!ring || (readers ? relais_keyring_export(ring, readers, &out, &err)
                          : relais_keyring_describe(ring, &out)))
        status = cli_fail(cli, &err);
    else if (out.len)
        fwrite(out.data, 1, out.len, stdout);
    if (out.data)
        relais_cleanse(out.data, out.len);
    relais_buf_release(&out);
    relais_keyring_free(ring);
    return status;
}

static int run(struct cli *cli)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    const char *verb = cli->args[0], *path = cli->args[1];
    const char *readers = cli_value(cli, "lecteur");

    if (strcmp(verb, "export") == 0) {
        if (readers)
            return print_ring(cli, path, readers);
        relais_error_set(&err, RELAIS_E_USAGE, "--lecteur",
                         "les usages à donner sont attendus : nir,identite");
    } else if (strcmp(verb, "init") == 0) {
        return init(cli, path);
    } else if (strcmp(verb, "check") == 0) {
        return print_ring(cli, path, NULL);
    } else {
        relais_error_set(&err, RELAIS_E_USAGE, "keys", "init, export ou check");
    }
    return cli_fail(cli, &err);
}

static const struct cli_option options[] = {
    {.name = "lecteur",
     .argument = "USAGES",
     .doc = "export : usages donnés, parmi nir,identite,banque,parcage"},
    {.name = NULL},
};

const struct cli_command cli_keys = {
    .name = "keys",
    .arguments = "init|export|check FICHIER",
    .summary = "Crée, vérifie ou partage un trousseau de clés",
    .text = "  init    un nouveau trousseau de tous les usages, mode 0600 ; jamais "
            "par-dessus "
            "un autre\n"
            "  check   lit le trousseau et dit ses clés, sans les montrer\n"
            "  export  le trousseau d'un lecteur, sur la sortie standard ; jamais les "
            "clés de\n"
            "          pseudonyme ni de nonce\n",
    .options = options,
    .arg_min = 2,
    .arg_max = 2,
    .run = run,
};

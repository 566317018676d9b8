/* Any bytes as an INI file: refused with an error of class CONF, or checked. Corpus:
 * tests/data/conf. */
#include "core/conf.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct relais_slice text = {(const char *)data, len};
    struct relais_error err = RELAIS_ERROR_INIT;
    struct relais_conf *conf = relais_conf_parse(text, "/etc", &err);
    const char *name, *value;

    if (conf) {
        relais_conf_admit(conf, relais_conf_common);
        for (size_t i = 0; relais_conf_pair(conf, "kafka", i, &name, &value); i++)
            if (!name[0])
                abort();
        if (relais_conf_check(conf, &err) == 0 &&
            !relais_conf_text(conf, "relais", "territory"))
            abort();
    }
    if (err.code != RELAIS_E_OK && relais_error_class(err.code) != RELAIS_CONF)
        abort();
    relais_conf_free(conf);
    return 0;
}

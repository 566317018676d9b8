#include "helper_core.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define FILE_MAX (64u << 20)

char *helper_folder(void)
{
    const char *base = getenv("TMPDIR");
    struct relais_buf path = RELAIS_BUF_INIT(4096);

    assert_int_equal(relais_buf_printf(&path, "%s/relais-XXXXXX", base ? base : "/tmp"),
                     0);
    assert_non_null(mkdtemp(path.data));
    return relais_buf_take(&path, NULL);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    return remove(path);
}

void helper_remove(char *folder)
{
    assert_int_equal(nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
    free(folder);
}

char *helper_write(const char *folder, const char *name, const char *text, unsigned mode)
{
    struct relais_buf path = RELAIS_BUF_INIT(4096);
    int fd;

    assert_int_equal(relais_buf_printf(&path, "%s/%s", folder, name), 0);
    fd = open(path.data, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
    return relais_buf_take(&path, NULL);
}

char *helper_read(const char *path, bool chomp, size_t *len_out)
{
    struct relais_buf text = RELAIS_BUF_INIT(FILE_MAX);
    FILE *file = fopen(path, "rbe");
    char block[4096];
    size_t n;

    if (!file)
        fail_msg("cannot read %s", path);
    while ((n = fread(block, 1, sizeof(block), file)) > 0)
        assert_int_equal(relais_buf_add(&text, block, n), 0);
    fclose(file);
    if (chomp && text.len && text.data[text.len - 1] == '\n')
        text.data[--text.len] = '\0';
    return relais_buf_take(&text, len_out);
}

static int is_visible(const struct dirent *entry) { return entry->d_name[0] != '.'; }

size_t helper_each(const char *folder, void (*each)(const char *path))
{
    struct dirent **entries;
    int count = scandir(folder, &entries, is_visible, alphasort);
    char path[4096];

    if (count < 0)
        fail_msg("cannot list %s", folder);
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
        free(entries[i]);
        each(path);
    }
    free(entries);
    return (size_t)count;
}

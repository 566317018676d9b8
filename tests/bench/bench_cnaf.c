/* bench_cnaf FILE [PAIRS]: the checking pass of a Bénéficiaire file beside bare expat
 * with empty handlers on the same file, in turn; medians. Both read the file by 64 KiB
 * through XML_ParseBuffer and know windows-1252 by the same table. Prints cnaf_check
 * ours_MBps=... yard_MBps=... ratio=...
 */
#include "connectors/cnaf_encoding.h"
#include "connectors/cnaf_file.h"
#include "core/day.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PIECE_LEN (64 << 10)
#define PAIRS_MAX 99

static void XMLCALL on_start(void *user, const XML_Char *name, const XML_Char **atts) {}
static void XMLCALL on_end(void *user, const XML_Char *name) {}
static void XMLCALL on_text(void *user, const XML_Char *s, int len) {}

static int64_t file_len;

static int open_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        perror(path);
        exit(1);
    }
    return fd;
}

/* Microseconds. */
static int64_t yard(const char *path)
{
    int fd = open_file(path);
    int64_t begun = relais_monotonic_us();
    XML_Parser parser = XML_ParserCreate(NULL);
    ssize_t n;

    XML_SetElementHandler(parser, on_start, on_end);
    XML_SetCharacterDataHandler(parser, on_text);
    XML_SetUnknownEncodingHandler(parser, cnaf_encoding_unknown, NULL);
    file_len = 0;
    do {
        void *to = XML_GetBuffer(parser, PIECE_LEN);

        n = read(fd, to, PIECE_LEN);
        file_len += n;
        if (n < 0 || XML_ParseBuffer(parser, (int)n, n == 0) != XML_STATUS_OK) {
            fprintf(stderr, "expat refuses the file\n");
            exit(1);
        }
    } while (n > 0);
    XML_ParserFree(parser);
    close(fd);
    return relais_monotonic_us() - begun;
}

static int64_t ours(const char *path)
{
    struct relais_error err = RELAIS_ERROR_INIT;
    int64_t begun = relais_monotonic_us(), took;
    struct cnaf_file *file = cnaf_file_new(open_file(path), path);
    struct relais_depot *depot = cnaf_file_check(file, &err);

    took = relais_monotonic_us() - begun;
    if (!depot || depot->problem.code != RELAIS_E_OK) {
        fprintf(stderr, "not a good file: %s\n", depot ? depot->problem.text : err.text);
        exit(1);
    }
    cnaf_file_free(file);
    return took;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    int64_t a[PAIRS_MAX], b[PAIRS_MAX];
    long pairs = argc > 2 ? strtol(argv[2], NULL, 10) : 9;
    double ours_rate, yard_rate;

    if (argc < 2 || pairs < 1 || pairs > PAIRS_MAX) {
        fputs("bench_cnaf FILE [PAIRS]\n", stderr);
        return 2;
    }
    (void)yard(argv[1]); /* into the page cache */
    for (long i = 0; i < pairs; i++) {
        a[i] = ours(argv[1]);
        b[i] = yard(argv[1]);
    }
    qsort(a, (size_t)pairs, sizeof(*a), by_value);
    qsort(b, (size_t)pairs, sizeof(*b), by_value);
    ours_rate = (double)file_len / (double)a[pairs / 2];
    yard_rate = (double)file_len / (double)b[pairs / 2];
    printf("cnaf_check ours_MBps=%.1f yard_MBps=%.1f ratio=%.3f\n", ours_rate, yard_rate,
           ours_rate / yard_rate);
    return 0;
}

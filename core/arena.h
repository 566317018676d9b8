#ifndef RELAIS_CORE_ARENA_H
#define RELAIS_CORE_ARENA_H

/* A bump allocator with a ceiling: what one record, one event or one batch needs is taken
 * from it and given back at once by reset. Alignment: 16 bytes. Errors: NULL at the
 * ceiling (never on lack of memory below it, that aborts). reset keeps one block of the
 * size that was needed (at most 2 MiB), so a steady state allocates nothing.
 */

#include "core/buf.h"

struct relais_arena_block;

struct relais_arena {
    char *next;
    char *end;
    struct relais_arena_block *first;
    struct relais_arena_block *current;
    size_t used; /* bytes of all blocks */
    size_t max;  /* ceiling of used */
};

#define RELAIS_ARENA_INIT(ceiling)                                                       \
    {                                                                                    \
        NULL, NULL, NULL, NULL, 0, (ceiling)                                             \
    }

void *relais_arena_more(struct relais_arena *arena, size_t size) RELAIS_MUST_CHECK;

static inline void *relais_arena_alloc(struct relais_arena *arena, size_t size)
{
    size_t room = (size_t)(arena->end - arena->next);
    char *p = arena->next;

    if (size > room || !p)
        return relais_arena_more(arena, size);
    size = (size + 15) & ~(size_t)15;
    arena->next = size <= room ? p + size : arena->end;
    return p;
}

void *relais_arena_zalloc(struct relais_arena *arena, size_t size) RELAIS_MUST_CHECK;
/* A copy, NUL-ended; ptr NULL: the arena is full. A NULL slice stays NULL (test the
 * source first). */
struct relais_slice relais_arena_slice(struct relais_arena *arena, struct relais_slice s);
struct relais_slice relais_arena_printf(struct relais_arena *arena, const char *fmt, ...)
    RELAIS_PRINTF(2, 3);
void relais_arena_reset(struct relais_arena *arena);
void relais_arena_release(struct relais_arena *arena);

#endif

#include "core/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define BLOCK_MIN 16384u
#define KEPT_MAX  (2u << 20)

struct relais_arena_block {
    struct relais_arena_block *next;
    size_t size; /* bytes of data */
    _Alignas(16) char data[];
};

static void enter(struct relais_arena *arena, struct relais_arena_block *block)
{
    arena->current = block;
    arena->next = block->data;
    arena->end = block->data + block->size;
}

static struct relais_arena_block *new_block(struct relais_arena *arena, size_t size)
{
    struct relais_arena_block *block = relais_alloc(sizeof(*block) + size);

    block->next = NULL;
    block->size = size;
    arena->used += size;
    return block;
}

void *relais_arena_more(struct relais_arena *arena, size_t size)
{
    struct relais_arena_block *block;
    size_t want = arena->current ? arena->current->size * 2 : BLOCK_MIN;

    if (size > arena->max || arena->used > arena->max - size)
        return NULL;
    if (want > arena->max - arena->used)
        want = arena->max - arena->used;
    if (want < size)
        want = size;
    block = new_block(arena, (want + 15) & ~(size_t)15);
    if (arena->current)
        arena->current->next = block;
    else
        arena->first = block;
    enter(arena, block);
    return relais_arena_alloc(arena, size);
}

void *relais_arena_zalloc(struct relais_arena *arena, size_t size)
{
    void *p = relais_arena_alloc(arena, size);

    return p ? memset(p, 0, size) : NULL;
}

struct relais_slice relais_arena_slice(struct relais_arena *arena, struct relais_slice s)
{
    char *p;

    if (!s.ptr || !(p = relais_arena_alloc(arena, s.len + 1)))
        return RELAIS_SLICE_NULL;
    memcpy(p, s.ptr, s.len);
    p[s.len] = '\0';
    return (struct relais_slice){p, s.len};
}

struct relais_slice relais_arena_printf(struct relais_arena *arena, const char *fmt, ...)
{
    size_t room = arena->next ? (size_t)(arena->end - arena->next) : 0;
    bool fits;
    va_list ap;
    char *p;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(arena->next, room, fmt, ap);
    va_end(ap);
    fits = n >= 0 && (size_t)n < room;
    if (n < 0 || !(p = relais_arena_alloc(arena, (size_t)n + 1)))
        return RELAIS_SLICE_NULL;
    if (fits)
        return (struct relais_slice){p, (size_t)n};
    va_start(ap, fmt);
    vsnprintf(p, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return (struct relais_slice){p, (size_t)n};
}

static void free_after(struct relais_arena *arena, struct relais_arena_block *block)
{
    while (block) {
        struct relais_arena_block *next = block->next;

        arena->used -= block->size;
        free(block);
        block = next;
    }
}

void relais_arena_reset(struct relais_arena *arena)
{
    size_t size = arena->used < KEPT_MAX ? arena->used : KEPT_MAX;

    if (!arena->first)
        return;
    if (arena->first->next || arena->first->size > KEPT_MAX) {
        /* what was needed once is needed again: one block of that size */
        free_after(arena, arena->first);
        arena->first = new_block(arena, size);
    }
    enter(arena, arena->first);
}

void relais_arena_release(struct relais_arena *arena)
{
    if (!arena)
        return;
    free_after(arena, arena->first);
    arena->first = arena->current = NULL;
    arena->next = arena->end = NULL;
    arena->used = 0;
}

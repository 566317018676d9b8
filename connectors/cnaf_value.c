#include "connectors/cnaf_value.h"

#include "core/day.h"

#define DIGITS_MAX 15

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* "", "Z", "+01:00" */
static bool is_zone(struct relais_slice s)
{
    if (s.len == 0)
        return true;
    if (s.len == 1)
        return s.ptr[0] == 'Z';
    return s.len == 6 && (s.ptr[0] == '+' || s.ptr[0] == '-') && is_digit(s.ptr[1]) &&
           is_digit(s.ptr[2]) && s.ptr[3] == ':' && is_digit(s.ptr[4]) &&
           is_digit(s.ptr[5]);
}

/* dddd-dd-dd */
static bool looks_like_day(struct relais_slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (i == 4 || i == 7 ? s.ptr[i] != '-' : !is_digit(s.ptr[i]))
            return false;
    return s.len == 10;
}

bool cnaf_day(struct relais_slice s, int32_t *days_out)
{
    struct relais_slice day = {s.ptr, s.len < 10 ? s.len : 10};

    if (!looks_like_day(day) ||
        !is_zone((struct relais_slice){s.ptr + day.len, s.len - day.len}))
        return false;
    *days_out = CNAF_NO_DAY;
    if (memcmp(day.ptr, "0001", 4) == 0 || memcmp(day.ptr, "9999", 4) == 0)
        return true;
    return relais_day_parse(day, days_out);
}

/* The sign, taken off. */
static bool take_sign(struct relais_slice *s)
{
    bool negative = s->len && s->ptr[0] == '-';

    if (s->len && (s->ptr[0] == '-' || s->ptr[0] == '+')) {
        s->ptr++;
        s->len--;
    }
    return negative;
}

/* Leading digits, taken off; zeros before them don't count. */
static bool take_digits(struct relais_slice *s, int64_t *number_out)
{
    int significant = 0;

    *number_out = 0;
    for (; s->len && is_digit(s->ptr[0]); s->ptr++, s->len--) {
        if ((significant += significant || s->ptr[0] != '0') > DIGITS_MAX)
            return false;
        *number_out = *number_out * 10 + (s->ptr[0] - '0');
    }
    return true;
}

bool cnaf_integer(struct relais_slice s, int64_t *number_out)
{
    bool negative = take_sign(&s);
    size_t len = s.len;

    if (!take_digits(&s, number_out) || s.len || !len)
        return false;
    if (negative)
        *number_out = -*number_out;
    return true;
}

bool cnaf_centimes(struct relais_slice s, int64_t *centimes_out)
{
    bool negative = take_sign(&s), some;
    struct relais_slice whole = s;
    int64_t euros, centimes = 0;

    if (!take_digits(&s, &euros))
        return false;
    some = s.len < whole.len;
    if (s.len && s.ptr[0] == '.') {
        some |= s.len > 1;
        for (size_t i = 1; i < s.len; i++) {
            if (!is_digit(s.ptr[i]) || (i > 2 && s.ptr[i] != '0'))
                return false;
            if (i <= 2)
                centimes += (s.ptr[i] - '0') * (i == 1 ? 10 : 1);
        }
    } else if (s.len) {
        return false;
    }
    *centimes_out = (euros * 100 + centimes) * (negative ? -1 : 1);
    return some;
}

bool cnaf_boolean(struct relais_slice s, bool *boolean_out)
{
    *boolean_out = relais_slice_is(s, "1") || relais_slice_is(s, "true");
    return *boolean_out || relais_slice_is(s, "0") || relais_slice_is(s, "false");
}

#include "core/day.h"

#include <time.h>

#define SECOND_US 1000000LL
#define HOUR_US   (3600 * SECOND_US)
#define DAY_US    (24 * HOUR_US)

/* Days of the proleptic Gregorian calendar, counted in eras of 400 years from 1 March. */
int32_t relais_day_from_civil(int year, int month, int day)
{
    int y = month <= 2 ? year - 1 : year;
    int era = (y >= 0 ? y : y - 399) / 400;
    int year_of_era = y - era * 400;
    int day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int day_of_era =
        year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

    return era * 146097 + day_of_era - 719468;
}

void relais_day_to_civil(int32_t days, int *year_out, int *month_out, int *day_out)
{
    int64_t z = (int64_t)days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int doe = (int)(z - era * 146097);
    int yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int mp = (5 * doy + 2) / 153;

    *day_out = doy - (153 * mp + 2) / 5 + 1;
    *month_out = mp < 10 ? mp + 3 : mp - 9;
    *year_out = (int)(yoe + era * 400) + (*month_out <= 2);
}

/* Exactly `count` decimal digits at s[at]; -1: not so. */
static int digits(struct relais_slice s, size_t at, size_t count)
{
    int n = 0;

    if (s.len < at + count)
        return -1;
    for (size_t i = at; i < at + count; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return -1;
        n = n * 10 + (s.ptr[i] - '0');
    }
    return n;
}

static bool leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int month_length(int year, int month)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return month == 2 && leap(year) ? 29 : lengths[month - 1];
}

bool relais_day_parse(struct relais_slice s, int32_t *days_out)
{
    int year = digits(s, 0, 4), month = digits(s, 5, 2), day = digits(s, 8, 2);

    if (s.len != 10 || s.ptr[4] != '-' || s.ptr[7] != '-' || year < 0 || month < 1 ||
        month > 12 || day < 1 || day > month_length(year, month))
        return false;
    *days_out = relais_day_from_civil(year, month, day);
    return true;
}

bool relais_time_parse(struct relais_slice s, int64_t *micros_out)
{
    int hour = digits(s, 0, 2), minute = digits(s, 3, 2), second = digits(s, 6, 2);
    int64_t micros = 0;
    int64_t unit = SECOND_US;

    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59 ||
        s.ptr[2] != ':' || s.ptr[5] != ':')
        return false;
    if (s.len > 8 && (s.ptr[8] != '.' || s.len < 10 || s.len > 18))
        return false;
    for (size_t i = 9; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
        unit /= 10;
        micros += (s.ptr[i] - '0') * unit;
    }
    *micros_out = hour * HOUR_US + (minute * 60 + second) * SECOND_US + micros;
    return true;
}

/* The zone at the end of an instant, "Z" or "+HH:MM"; its length or 0. */
static size_t zone_parse(struct relais_slice s, int64_t *offset_us_out)
{
    size_t at = s.len - 6;
    int hour, minute;
    bool west;

    if (s.len > 1 && (s.ptr[s.len - 1] == 'Z' || s.ptr[s.len - 1] == 'z')) {
        *offset_us_out = 0;
        return 1;
    }
    if (s.len < 6 || (s.ptr[at] != '+' && s.ptr[at] != '-') || s.ptr[at + 3] != ':')
        return 0;
    west = s.ptr[at] == '-';
    hour = digits(s, at + 1, 2);
    minute = digits(s, at + 4, 2);
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59)
        return 0;
    *offset_us_out = (west ? -1 : 1) * (hour * 60 + minute) * 60 * SECOND_US;
    return 6;
}

bool relais_instant_parse(struct relais_slice s, int64_t *micros_out)
{
    int64_t offset_us, micros;
    size_t zone_len;
    int32_t days;

    if (s.len < 20 || (s.ptr[10] != 'T' && s.ptr[10] != 't') ||
        !relais_day_parse((struct relais_slice){s.ptr, 10}, &days))
        return false;
    zone_len = zone_parse(s, &offset_us);
    if (!zone_len || s.len < 11 + 8 + zone_len ||
        !relais_time_parse((struct relais_slice){s.ptr + 11, s.len - 11 - zone_len},
                           &micros))
        return false;
    *micros_out = days * DAY_US + micros - offset_us;
    return true;
}

/* The last Sunday of a month of 31 days (1970-01-01 was a Thursday). */
static int32_t last_sunday(int year, int month)
{
    int32_t last = relais_day_from_civil(year, month, 31);
    int weekday = (int)((((int64_t)last + 4) % 7 + 7) % 7); /* 0: Sunday */

    return last - weekday;
}

/* Whether summer time holds: from the hour given on March's last Sunday to the one given
 * on October's. */
static bool is_summer(int32_t days, int64_t micros, int64_t from_us, int64_t to_us)
{
    int year, month, day;
    int32_t first, last;

    relais_day_to_civil(days, &year, &month, &day);
    if (year < 1981 || month < 3 || month > 10)
        return false;
    first = last_sunday(year, 3);
    last = last_sunday(year, 10);
    return (days > first || (days == first && micros >= from_us)) &&
           (days < last || (days == last && micros < to_us));
}

int64_t relais_paris_to_utc(int32_t days, int64_t micros_of_day)
{
    bool summer = is_summer(days, micros_of_day, 3 * HOUR_US, 3 * HOUR_US);

    return days * DAY_US + micros_of_day - (summer ? 2 : 1) * HOUR_US;
}

/* Splits an instant into its UTC day and the rest, rounding down. */
static int32_t utc_day(int64_t instant_us, int64_t *micros_out)
{
    int64_t days = instant_us / DAY_US;
    int64_t micros = instant_us % DAY_US;

    if (micros < 0) {
        micros += DAY_US;
        days--;
    }
    *micros_out = micros;
    return (int32_t)days;
}

int32_t relais_paris_day(int64_t instant_us)
{
    int64_t micros;
    int32_t days = utc_day(instant_us, &micros);

    if (micros < DAY_US - 2 * HOUR_US) /* of one day in summer and winter */
        return days;
    return days +
           (micros >= DAY_US - HOUR_US || is_summer(days, micros, HOUR_US, HOUR_US));
}

static void put_digits(char *out, int n, int count)
{
    while (count--) {
        out[count] = (char)('0' + n % 10);
        n /= 10;
    }
}

void relais_day_format(int32_t days, char out[11])
{
    int32_t first = relais_day_from_civil(0, 1, 1);
    int32_t last = relais_day_from_civil(9999, 12, 31);
    int year, month, day;

    relais_day_to_civil(days < first  ? first
                        : days > last ? last
                                      : days,
                        &year, &month, &day);
    put_digits(out, year, 4);
    out[4] = '-';
    put_digits(out + 5, month, 2);
    out[7] = '-';
    put_digits(out + 8, day, 2);
    out[10] = '\0';
}

void relais_instant_format(int64_t instant_us, char out[28])
{
    int64_t micros;
    int32_t days = utc_day(instant_us, &micros);
    int seconds = (int)(micros / SECOND_US);

    relais_day_format(days, out);
    out[10] = 'T';
    put_digits(out + 11, seconds / 3600, 2);
    out[13] = ':';
    put_digits(out + 14, seconds / 60 % 60, 2);
    out[16] = ':';
    put_digits(out + 17, seconds % 60, 2);
    out[19] = '.';
    put_digits(out + 20, (int)(micros % SECOND_US), 6);
    out[26] = 'Z';
    out[27] = '\0';
}

static int64_t clock_us(clockid_t clock)
{
    struct timespec ts;

    clock_gettime(clock, &ts);
    return ts.tv_sec * SECOND_US + ts.tv_nsec / 1000;
}

int64_t relais_now_us(void) { return clock_us(CLOCK_REALTIME); }

int64_t relais_monotonic_us(void) { return clock_us(CLOCK_MONOTONIC); }

#include "core/listen.h"
#include "core/buf.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 64

/* Splits "host:port" or "[host]:port" at its last colon. */
static bool split(const char *address, char host[256], char port[8])
{
    const char *colon = strrchr(address, ':');
    bool bracket = address[0] == '[';
    const char *begin = address + bracket, *end;

    if (!colon || strlen(colon + 1) == 0 || strlen(colon + 1) > 5 ||
        strspn(colon + 1, "0123456789") != strlen(colon + 1))
        return false;
    end = colon - bracket;
    if (end <= begin || end - begin > 255 || (bracket && *end != ']') ||
        (!bracket && memchr(begin, ':', (size_t)(end - begin))))
        return false;
    memcpy(host, begin, (size_t)(end - begin));
    host[end - begin] = '\0';
    memcpy(port, colon + 1, strlen(colon + 1) + 1);
    return true;
}

static int bound_port(int fd)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof(address);

    if (getsockname(fd, (struct sockaddr *)&address, &len))
        return -1;
    return ntohs(address.ss_family == AF_INET6
                     ? ((struct sockaddr_in6 *)&address)->sin6_port
                     : ((struct sockaddr_in *)&address)->sin_port);
}

/* errno says why on -1. */
static int bind_to(const struct addrinfo *to)
{
    int fd = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int one = 1, saved;

    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
        (to->ai_family != AF_INET6 ||
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) == 0) &&
        bind(fd, to->ai_addr, to->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

int relais_listen(const char *address, int *port_out, struct relais_error *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    char host[256], port[8];
    int fd, rc;

    if (!split(address, host, port) || strtol(port, NULL, 10) > 65535)
        return relais_error_set(err, RELAIS_E_CONF_VALUE, address,
                                "adresse attendue, comme 127.0.0.1:9100 ou [::1]:9100");
    rc = getaddrinfo(host, port, &hints, &found);
    if (rc)
        return relais_error_set(err, RELAIS_E_CONF_VALUE, address,
                                "adresse introuvable: %s", gai_strerror(rc));
    fd = bind_to(found);
    if (fd < 0)
        relais_error_set(err, RELAIS_E_CONF_VALUE, address, "impossible d'ecouter la: %s",
                         strerror(errno));
    freeaddrinfo(found);
    if (fd >= 0)
        *port_out = bound_port(fd);
    return fd;
}

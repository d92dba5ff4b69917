/*
 * Lets a process find the disk full, under one folder, for as long as a file is there. Preloaded into a program that
 * knows nothing of it.
 *
 * FOEDUS_FULL_ROOT names the folder, FOEDUS_FULL_SWITCH the file. What is written meanwhile is refused with ENOSPC and
 * changes nothing; what is free, as the system says, stays what it is.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static const char *root, *switched;

__attribute__((constructor)) static void begin(void)
{
    root = getenv("FOEDUS_FULL_ROOT");
    switched = getenv("FOEDUS_FULL_SWITCH");
}

static int is_full(int file)
{
    char link[64], path[PATH_MAX];
    if (!root || !switched || syscall(SYS_faccessat, -100, switched, F_OK) != 0)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    return strncmp(path, root, strlen(root)) == 0;
}

#define REFUSED_IF_FULL(file)                                                                                          \
    if (is_full(file)) {                                                                                               \
        errno = ENOSPC;                                                                                                \
        return -1;                                                                                                     \
    }

ssize_t write(int file, const void *data, size_t length)
{
    REFUSED_IF_FULL(file)
    return syscall(SYS_write, file, data, length);
}
ssize_t writev(int file, const struct iovec *parts, int count)
{
    REFUSED_IF_FULL(file)
    return syscall(SYS_writev, file, parts, count);
}
ssize_t pwrite(int file, const void *data, size_t length, off_t offset)
{
    REFUSED_IF_FULL(file)
    return syscall(SYS_pwrite64, file, data, length, offset);
}
ssize_t pwrite64(int file, const void *data, size_t length, off64_t offset)
{
    REFUSED_IF_FULL(file)
    return syscall(SYS_pwrite64, file, data, length, offset);
}

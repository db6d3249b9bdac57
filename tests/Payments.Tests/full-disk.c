/* Loaded before libc into a server: while the file that FULL_DISK names exists, no other file can grow, as on a disk that is full. What a file has already can be written over. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static int grows(int file, off_t end)
{
    const char *full = getenv("FULL_DISK");
    struct stat now;
    if (file <= 2 || !full || access(full, F_OK) != 0 || fstat(file, &now) != 0 || !S_ISREG(now.st_mode) || end <= now.st_size) return 0;
    errno = ENOSPC;
    return 1;
}

ssize_t write(int file, const void *bytes, size_t count)
{
    static ssize_t (*real)(int, const void *, size_t);
    if (!real) real = (ssize_t (*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    return grows(file, lseek(file, 0, SEEK_CUR) + (off_t)count) ? -1 : real(file, bytes, count);
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t at)
{
    static ssize_t (*real)(int, const void *, size_t, off_t);
    if (!real) real = (ssize_t (*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, "pwrite");
    return grows(file, at + (off_t)count) ? -1 : real(file, bytes, count, at);
}

ssize_t pwritev(int file, const struct iovec *parts, int count, off_t at)
{
    static ssize_t (*real)(int, const struct iovec *, int, off_t);
    if (!real) real = (ssize_t (*)(int, const struct iovec *, int, off_t))dlsym(RTLD_NEXT, "pwritev");
    off_t end = at;
    for (int i = 0; i < count; i++) end += (off_t)parts[i].iov_len;
    return grows(file, end) ? -1 : real(file, parts, count, at);
}

int posix_fallocate(int file, off_t at, off_t count)
{
    static int (*real)(int, off_t, off_t);
    if (!real) real = (int (*)(int, off_t, off_t))dlsym(RTLD_NEXT, "posix_fallocate");
    return grows(file, at + count) ? ENOSPC : real(file, at, count);
}

/* Loaded before libc into the server: every sync takes a millisecond longer, as on a disk or a network volume that is slower than this machine's. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>

static void wait(void)
{
    struct timespec millisecond = {0, 1000000};
    nanosleep(&millisecond, 0);
}

int fsync(int file)
{
    static int (*real)(int);
    if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    wait();
    return real(file);
}

int fdatasync(int file)
{
    static int (*real)(int);
    if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    wait();
    return real(file);
}

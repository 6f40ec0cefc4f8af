/* ready.c - see ready.h. A signal ends a wait early and without anything being ready: who waits
 * looks again whether it still wants to. */
#include "sys/ready.h"
#include <errno.h>
#include <poll.h>
#include <string.h>

weir_status wr_ready_wait(int descriptor, bool writing, int ms, bool *ready)
{
    struct pollfd one = {.fd = descriptor, .events = (short)(POLLIN | (writing ? POLLOUT : 0))};
    int count = poll(&one, 1, ms);
    *ready = count > 0;
    if (count >= 0 || errno == EINTR || errno == EAGAIN) return WR_OK;
    return wr_fail(WR_E_IO, "cannot wait for a connection: %s", strerror(errno));
}

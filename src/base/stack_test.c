/* stack_test.c - recursion that asks for the stack ends before the stack does. */
#include "base/stack.h"
#include "base/test.h"
#include <pthread.h>

/* Goes down until the stack is low; returns the bytes it used. */
static __attribute__((noinline)) uintptr_t dive(int part, uintptr_t top)
{
    volatile char frame[512];
    frame[0] = (char)part;
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    if (wr_stack_is_low(part)) return top - here;
    uintptr_t used = dive(part, top);
    frame[1] = frame[0]; /* no tail call */
    return used;
}

typedef struct diving {
    uintptr_t half, most;
} diving;

static void *dive_twice(void *arg)
{
    diving *d = arg;
    uintptr_t top = (uintptr_t)__builtin_frame_address(0);
    d->half = dive(2, top);
    d->most = dive(8, top);
    weir_status fine = wr_stack_check(8, (wr_span){0});
    EXPECT_OK(fine);
    return NULL;
}

TEST(a_thread_ends_its_recursion_before_its_stack_ends)
{
    enum { SIZE = 1 << 22 }; /* a sanitizer takes some of it for itself */
    pthread_attr_t attributes;
    pthread_t thread;
    diving d = {0};
    EXPECT_INT(pthread_attr_init(&attributes), 0);
    EXPECT_INT(pthread_attr_setstacksize(&attributes, SIZE), 0);
    EXPECT_INT(pthread_create(&thread, &attributes, dive_twice, &d), 0);
    EXPECT_INT(pthread_join(thread, NULL), 0);
    pthread_attr_destroy(&attributes);
    EXPECT(d.half > SIZE / 4 && d.half < SIZE * 5 / 8);
    EXPECT(d.most > SIZE / 2 && d.most < SIZE);
}

TEST(the_first_thread_knows_its_stack_too)
{
    uintptr_t top = (uintptr_t)__builtin_frame_address(0);
    uintptr_t half = dive(2, top), most = dive(8, top);
    EXPECT(half > 64 << 10);
    EXPECT(most > half);
}

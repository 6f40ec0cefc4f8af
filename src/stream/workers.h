/* workers.h - threads that do a share of the work of a graph: packets of rows and time go to them
 * through queues, what they put out comes back the same way.
 *
 * A packet holds what several batches became, in order, so that waking somebody and crossing from
 * one core to another is paid for some thousand rows. Each worker takes its packets in the order
 * they were posted. What comes back is handed on by the driving thread, never while it is on its
 * way through the graph. The functions are the driving thread's own unless they say otherwise. */
#pragma once
#include "stream/graph.h"

/* Packets of a worker before the driving thread waits, until half of them are done. */
enum { WR_QUEUED_MAX = 8 };

/* One step: rows, time or the end of a round for one operator. */
typedef struct wr_packet_item {
    wr_stream_op *op; /* the divided operator it is for, or comes from */
    enum { WR_PACKET_ROWS, WR_PACKET_TIME, WR_PACKET_FLUSH } kind;
    int input;
    int64_t time;
    wr_delta delta;       /* everything in the arena of the packet */
    const uint32_t *ends; /* to a worker: behind the last row of each of its parts */
} wr_packet_item;

typedef struct wr_packet {
    struct wr_packet *next;
    int worker;
    WR_LIST(wr_packet_item) items; /* in the arena */
    wr_arena arena;
    size_t filled; /* rows and bytes, weighed */
} wr_packet;

/* What is done with items; a worker's own thread calls work, the driving thread take. */
typedef struct wr_packet_calls {
    weir_status (*work)(const wr_packet_item *item, int worker);
    weir_status (*take)(const wr_packet_item *item, int worker);
} wr_packet_calls;

/* Does the memory limit suffice for what workers are handed and the parts of their own? */
bool wr_workers_have_room(const wr_graph *graph, int count);
#define WR_NO_ROOM_FOR_WORKERS "memory_limit has no room for what workers are handed"
/* They begin with wr_workers_start; until then, and again after stop, nothing may be posted. */
wr_workers *wr_workers_new(wr_graph *graph, int count, const wr_packet_calls *calls);
void wr_workers_drop(wr_workers *workers);
WR_MUST_CHECK weir_status wr_workers_start(wr_workers *workers);
/* Waits for the packets workers are at; what is queued is lost. */
void wr_workers_stop(wr_workers *workers);
bool wr_workers_are_running(const wr_workers *workers);
int wr_workers_count(const wr_workers *workers);

/* The packet that is being filled for a worker. */
wr_packet *wr_workers_open(wr_workers *workers, int worker);
/* The same on the way back; from the thread of the worker. */
wr_packet *wr_workers_answer(wr_workers *workers, int worker);
/* An item at the end of a packet. Time that follows time of the same operator takes its place. */
wr_packet_item *wr_packet_add(wr_packet *packet, wr_stream_op *op, int kind);
/* Rows were put into the packet: it is posted when it is full. An open one never waits, for whoever
 * posts may be in the middle of the graph; an answer waits while much of its worker's has not been
 * taken. */
void wr_workers_filled(wr_workers *workers, wr_packet *packet, bool is_answer);

/* Hands on what came back and waits while a worker has much to do. Fails with the error of a
 * worker. Nothing is on its way through the graph. */
WR_MUST_CHECK weir_status wr_workers_relieve(wr_workers *workers);
/* Posts what is open and waits until all workers have done everything and it was handed on. */
WR_MUST_CHECK weir_status wr_workers_settle(wr_workers *workers);

/* Where the parts of a worker read what was committed to state. Workers rest. */
wr_state *wr_workers_view(wr_workers *workers, int worker, wr_state *state);
/* Before something is committed. Workers rest. */
void wr_workers_forget_views(wr_workers *workers);

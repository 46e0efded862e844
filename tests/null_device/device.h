/* What the parts of the null device share: its counters, the errors of its calls, and who asks whom. */
#include <stddef.h>
#include <stdint.h>

#define EXPORT __attribute__((visibility("default")))
#define MOST_DEVICES 8
#define TRY(call) do { int tried = (call); if (tried) return tried; } while (0)

typedef enum {
  KERNELS, CAPTURES, GRAPH_LAUNCHES, GRAPH_KERNELS, SYNCS, TO_DEVICE, FROM_DEVICE, ON_DEVICE, PAGEABLE, FILLS, ALLOCATIONS,
  COUNTERS
} Counted; /* as names in devices.c and Counts in harness.py */

/* devices.c. An int that is an error is a cudaError_t, and a stream a cudaStream_t. */
extern __thread int null_current;  /* this thread's device, as the process numbers the visible ones */
extern size_t null_memory_bytes;   /* of each device */
extern int null_broken;            /* a sticky error: nothing works any more in this process */
int null_devices(void);            /* how many this process may use */
int null_attribute(int attribute); /* of a device, by the number that runtime and driver share */
void null_count(int device, Counted what, long more);
int null_ending(int error); /* how a call ends: keeps the error for cudaGetLastError */

/* streams.c */
int null_kernel(void *stream);               /* one kernel: counted, or made part of the graph that the stream captures */
int null_work(void *stream, int *captured);  /* other work on a stream: whether it may go on, and whether it is captured */
int null_unsafe(void);                       /* calls such as cudaMalloc: whether the captures that go on allow them */

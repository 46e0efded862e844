/* The null device's CUDA runtime: it keeps the books of a GPU and computes nothing.

   Device memory is reserved address space, so it costs nothing, and a program that touches it on the host crashes as it
   would on a GPU. Copies to the device vanish; copies from it read zeros, and one byte alone reads 1, which is how torch
   asks for a truth value. Streams finish at once. Everything is counted, per device, in the file that NULL_DEVICE_COUNTS
   names, by all processes together. */
#define _GNU_SOURCE
#include "device.h"

#include <cuda_runtime_api.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define MOST_DEVICES 8
#define SPAN ((size_t)1 << 40) /* addresses per device, and for pinned memory */
#define TRY(call) do { cudaError_t tried = (call); if (tried) return tried; } while (0)

/* ---- counts ---- */

enum { KERNELS, CAPTURES, GRAPH_LAUNCHES, GRAPH_KERNELS, SYNCS, TO_DEVICE, FROM_DEVICE, ON_DEVICE, PAGEABLE, FILLS, ALLOCATIONS, COUNTERS };
static const char *const names[COUNTERS] = {
    "kernels", "captures", "graph_launches", "graph_kernels", "syncs", "to_device", "from_device", "on_device", "pageable", "fills", "allocations"};
typedef struct { char name[24]; atomic_long value; } Counter; /* as null_device.py reads it */
static Counter (*counts)[COUNTERS];
static atomic_long *all_kernels; /* of all devices and processes: what NULL_DEVICE_FAIL_AFTER refers to */
static int visible[MOST_DEVICES], visible_count;
static size_t memory_bytes;
static long fail_after;
static char *addresses; /* MOST_DEVICES + 1 spans: the devices', then pinned memory */
static __thread int current;

static void read_visible(void) {
  const char *list = getenv("CUDA_VISIBLE_DEVICES"), *count = getenv("NULL_DEVICE_COUNT");
  int present = count ? atoi(count) : 1;
  visible_count = 0;
  if (!list) { for (; visible_count < present; visible_count++) visible[visible_count] = visible_count; return; }
  while (*list && visible_count < MOST_DEVICES) { /* up to the first that does not exist, as CUDA reads it */
    char *end;
    long device = strtol(list, &end, 10);
    if (end == list || device < 0 || device >= present) return;
    visible[visible_count++] = (int)device;
    list = *end == ',' ? end + 1 : end;
  }
}

__attribute__((constructor)) static void start(void) {
  const char *path = getenv("NULL_DEVICE_COUNTS"), *gib = getenv("NULL_DEVICE_GIB"), *fail = getenv("NULL_DEVICE_FAIL_AFTER");
  size_t bytes = sizeof(Counter[MOST_DEVICES][COUNTERS]) + sizeof(atomic_long);
  int file = path ? open(path, O_RDWR | O_CREAT, 0600) : -1;
  if (file >= 0 && ftruncate(file, (off_t)bytes)) abort();
  counts = mmap(0, bytes, PROT_READ | PROT_WRITE, file < 0 ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED, file, 0);
  if (file >= 0) close(file);
  addresses = mmap(0, SPAN * (MOST_DEVICES + 1), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (counts == MAP_FAILED || addresses == MAP_FAILED) abort();
  if (mprotect(addresses + SPAN * MOST_DEVICES, SPAN, PROT_READ | PROT_WRITE)) abort();
  for (int device = 0; device < MOST_DEVICES; device++)
    for (int i = 0; i < COUNTERS; i++) strcpy(counts[device][i].name, names[i]);
  all_kernels = (atomic_long *)(counts + MOST_DEVICES);
  memory_bytes = (size_t)((gib ? atof(gib) : 80.0) * (1 << 30));
  fail_after = fail ? atol(fail) : 0;
  read_visible();
}

static int physical(void) { return visible[current]; }
static void add(int counter, long more) { atomic_fetch_add(&counts[physical()][counter].value, more); }

/* ---- errors ---- */

static int broken; /* a sticky error: nothing works any more in this process */
static __thread cudaError_t last;

static cudaError_t ending(cudaError_t error) {
  if (broken) error = cudaErrorIllegalAddress;
  if (error) last = error;
  return error;
}
EXPORT cudaError_t cudaPeekAtLastError(void) { return broken ? cudaErrorIllegalAddress : last; }
EXPORT cudaError_t cudaGetLastError(void) { cudaError_t error = cudaPeekAtLastError(); last = cudaSuccess; return error; }

/* ---- capture: what streams do becomes a graph, and what would wait for them is refused ---- */

typedef struct { long kernels, nodes; } Graph;
typedef struct { Graph *graph; struct Stream *origin; enum cudaStreamCaptureMode mode; pthread_t thread; int device, invalid; unsigned long long id; } Capture;
typedef struct Stream { Capture *capture; int unjoined; } Stream;
typedef struct { double milliseconds; int recorded; unsigned long long capture_id; Stream *stream; } Event;

#define MOST_STREAMS 1024
static Stream streams[MOST_STREAMS], legacy[MOST_DEVICES];
static atomic_int stream_count;
static Capture *capturing[64]; /* those that go on now */
static unsigned long long capture_ids;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static __thread enum cudaStreamCaptureMode thread_mode = cudaStreamCaptureModeGlobal;

static Stream *stream_of(cudaStream_t handle) { return (uintptr_t)handle <= 2 ? &legacy[current] : (Stream *)handle; }

static cudaError_t refuse(Capture *capture) {
  capture->invalid = 1;
  return ending(cudaErrorStreamCaptureUnsupported);
}

/* Work on a stream: whether it may go on, and the graph that takes it, if the stream captures. */
static cudaError_t work(Stream *stream, Graph **graph) {
  *graph = 0;
  if (broken) return ending(cudaErrorIllegalAddress);
  if (!stream->capture) return cudaSuccess;
  if (stream->capture->invalid) return ending(cudaErrorStreamCaptureInvalidated);
  *graph = stream->capture->graph;
  (*graph)->nodes++;
  stream->unjoined = stream != stream->capture->origin;
  return cudaSuccess;
}

/* Calls that CUDA calls unsafe, such as cudaMalloc: refused by the modes of the captures and of this thread. */
static cudaError_t unsafe(void) {
  if (broken) return ending(cudaErrorIllegalAddress);
  if (thread_mode == cudaStreamCaptureModeRelaxed) return cudaSuccess;
  for (int i = 0; i < 64; i++) {
    Capture *capture = capturing[i];
    if (!capture || capture->mode == cudaStreamCaptureModeRelaxed) continue;
    int global = capture->mode == cudaStreamCaptureModeGlobal && thread_mode == cudaStreamCaptureModeGlobal;
    if (global || pthread_equal(capture->thread, pthread_self())) return refuse(capture);
  }
  return cudaSuccess;
}

static cudaError_t synchronize(Stream *stream) {
  add(SYNCS, 1);
  return ending(stream->capture ? refuse(stream->capture) : cudaSuccess);
}

EXPORT cudaError_t cudaStreamSynchronize(cudaStream_t s) { return synchronize(stream_of(s)); }
EXPORT cudaError_t cudaDeviceSynchronize(void) {
  add(SYNCS, 1);
  for (int i = 0; i < 64; i++)
    if (capturing[i] && capturing[i]->device == current) return refuse(capturing[i]);
  return ending(cudaSuccess);
}
EXPORT cudaError_t cudaStreamQuery(cudaStream_t s) { Capture *c = stream_of(s)->capture; return c ? refuse(c) : ending(cudaSuccess); }

EXPORT cudaError_t cudaStreamBeginCapture(cudaStream_t handle, enum cudaStreamCaptureMode mode) {
  Stream *stream = stream_of(handle);
  if (broken) return ending(cudaErrorIllegalAddress);
  if (stream == &legacy[current]) return ending(cudaErrorStreamCaptureUnsupported);
  if (stream->capture) return ending(cudaErrorIllegalState);
  pthread_mutex_lock(&lock);
  int free_place = 0;
  while (capturing[free_place]) free_place++;
  Capture *capture = calloc(1, sizeof *capture);
  *capture = (Capture){calloc(1, sizeof(Graph)), stream, mode, pthread_self(), current, 0, ++capture_ids};
  capturing[free_place] = stream->capture = capture;
  pthread_mutex_unlock(&lock);
  add(CAPTURES, 1);
  return cudaSuccess;
}

EXPORT cudaError_t cudaStreamEndCapture(cudaStream_t handle, cudaGraph_t *graph) {
  Stream *stream = stream_of(handle);
  Capture *capture = stream->capture;
  *graph = 0;
  if (!capture) return ending(cudaErrorIllegalState);
  if (capture->origin != stream) return ending(cudaErrorStreamCaptureUnmatched);
  cudaError_t error = cudaSuccess;
  if (capture->mode != cudaStreamCaptureModeRelaxed && !pthread_equal(capture->thread, pthread_self()))
    return ending(cudaErrorStreamCaptureWrongThread);
  pthread_mutex_lock(&lock);
  for (int i = 0; i < stream_count; i++) {
    if (streams[i].capture != capture) continue;
    if (streams[i].unjoined) error = cudaErrorStreamCaptureUnjoined;
    streams[i].capture = 0;
    streams[i].unjoined = 0;
  }
  for (int i = 0; i < 64; i++) if (capturing[i] == capture) capturing[i] = 0;
  pthread_mutex_unlock(&lock);
  if (capture->invalid) error = cudaErrorStreamCaptureInvalidated;
  if (!error) *graph = (cudaGraph_t)capture->graph;
  free(capture);
  return ending(error);
}

static enum cudaStreamCaptureStatus status_of(Stream *stream) {
  if (!stream->capture) return cudaStreamCaptureStatusNone;
  return stream->capture->invalid ? cudaStreamCaptureStatusInvalidated : cudaStreamCaptureStatusActive;
}
EXPORT cudaError_t cudaStreamIsCapturing(cudaStream_t s, enum cudaStreamCaptureStatus *status) {
  *status = status_of(stream_of(s));
  return ending(cudaSuccess);
}
EXPORT cudaError_t cudaStreamGetCaptureInfo(cudaStream_t s, enum cudaStreamCaptureStatus *status, unsigned long long *id, cudaGraph_t *graph,
                                            const cudaGraphNode_t **nodes, const cudaGraphEdgeData **edges, size_t *count) {
  Capture *capture = stream_of(s)->capture;
  *status = status_of(stream_of(s));
  if (id) *id = capture ? capture->id : 0;
  if (graph) *graph = capture ? (cudaGraph_t)capture->graph : 0;
  if (nodes) *nodes = 0;
  if (edges) *edges = 0;
  if (count) *count = 0;
  return ending(cudaSuccess);
}
EXPORT cudaError_t cudaStreamUpdateCaptureDependencies(cudaStream_t s, cudaGraphNode_t *nodes, const cudaGraphEdgeData *edges, size_t n, unsigned flags) {
  return ending(stream_of(s)->capture ? cudaSuccess : cudaErrorIllegalState);
}
EXPORT cudaError_t cudaThreadExchangeStreamCaptureMode(enum cudaStreamCaptureMode *mode) {
  enum cudaStreamCaptureMode before = thread_mode;
  thread_mode = *mode;
  *mode = before;
  return cudaSuccess;
}

/* A graph that can be launched is a copy of what was captured. */
EXPORT cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t *made, cudaGraph_t graph, unsigned long long flags) {
  Graph *copy = malloc(sizeof *copy);
  *copy = *(Graph *)graph;
  *made = (cudaGraphExec_t)copy;
  return ending(unsafe());
}
EXPORT cudaError_t cudaGraphInstantiate(cudaGraphExec_t *made, cudaGraph_t graph, unsigned long long flags) { return cudaGraphInstantiateWithFlags(made, graph, flags); }
EXPORT cudaError_t cudaGraphDestroy(cudaGraph_t graph) { free(graph); return cudaSuccess; }
EXPORT cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph) { free(graph); return cudaSuccess; }
EXPORT cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t *nodes, size_t *count) {
  if (!nodes) *count = (size_t)((Graph *)graph)->nodes;
  else for (size_t i = 0; i < *count; i++) nodes[i] = (cudaGraphNode_t)(i + 1);
  return cudaSuccess;
}
EXPORT cudaError_t cudaGraphRetainUserObject(cudaGraph_t graph, cudaUserObject_t object, unsigned count, unsigned flags) { return cudaSuccess; }

static cudaError_t count_kernels(long kernels) {
  long before = atomic_fetch_add(all_kernels, kernels);
  if (fail_after && before < fail_after && before + kernels >= fail_after) broken = 1;
  return ending(cudaSuccess);
}
EXPORT cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t s) {
  Graph *outer, *inner = (Graph *)graph;
  TRY(work(stream_of(s), &outer));
  if (outer) { outer->kernels += inner->kernels; return cudaSuccess; }
  add(GRAPH_LAUNCHES, 1);
  add(GRAPH_KERNELS, inner->kernels);
  return count_kernels(inner->kernels);
}
int null_kernel(void *handle) {
  Graph *graph;
  TRY(work(stream_of(handle), &graph));
  if (graph) { graph->kernels++; return cudaSuccess; }
  add(KERNELS, 1);
  return count_kernels(1);
}

EXPORT cudaError_t cudaLaunchKernel(const void *f, dim3 grid, dim3 block, void **a, size_t shared, cudaStream_t s) { return null_kernel(s); }
EXPORT cudaError_t __cudaLaunchKernel(cudaKernel_t f, dim3 grid, dim3 block, void **a, size_t shared, cudaStream_t s) { return null_kernel(s); }
EXPORT cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t *config, const void *f, void **a) { return null_kernel(config->stream); }
EXPORT cudaError_t cudaLaunchHostFunc(cudaStream_t s, cudaHostFn_t call, void *data) {
  Graph *graph;
  TRY(work(stream_of(s), &graph));
  if (!graph) call(data);
  return cudaSuccess;
}

/* ---- streams and events ---- */

static cudaError_t new_stream(cudaStream_t *made) {
  int place = atomic_fetch_add(&stream_count, 1);
  if (place >= MOST_STREAMS) abort();
  *made = (cudaStream_t)&streams[place];
  return ending(cudaSuccess);
}
EXPORT cudaError_t cudaStreamCreate(cudaStream_t *made) { return new_stream(made); }
EXPORT cudaError_t cudaStreamCreateWithFlags(cudaStream_t *made, unsigned flags) { return new_stream(made); }
EXPORT cudaError_t cudaStreamCreateWithPriority(cudaStream_t *made, unsigned flags, int priority) { return new_stream(made); }
EXPORT cudaError_t cudaStreamDestroy(cudaStream_t s) { return ending(cudaSuccess); }
EXPORT cudaError_t cudaStreamGetPriority(cudaStream_t s, int *priority) { *priority = 0; return cudaSuccess; }

EXPORT cudaError_t cudaEventCreateWithFlags(cudaEvent_t *made, unsigned flags) { *made = calloc(1, sizeof(Event)); return ending(cudaSuccess); }
EXPORT cudaError_t cudaEventCreate(cudaEvent_t *made) { return cudaEventCreateWithFlags(made, 0); }
EXPORT cudaError_t cudaEventDestroy(cudaEvent_t event) { free(event); return cudaSuccess; }
EXPORT cudaError_t cudaEventRecordWithFlags(cudaEvent_t handle, cudaStream_t s, unsigned flags) {
  struct timespec now;
  Event *event = (Event *)handle;
  Stream *stream = stream_of(s);
  if (stream->capture && stream->capture->invalid) return ending(cudaErrorStreamCaptureInvalidated);
  clock_gettime(CLOCK_MONOTONIC, &now);
  *event = (Event){now.tv_sec * 1e3 + now.tv_nsec * 1e-6, 1, 0, stream};
  if (stream->capture && !(flags & cudaEventRecordExternal)) event->capture_id = stream->capture->id;
  return ending(cudaSuccess);
}
EXPORT cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t s) { return cudaEventRecordWithFlags(event, s, 0); }
EXPORT cudaError_t cudaEventQuery(cudaEvent_t event) { return ending(((Event *)event)->capture_id ? cudaErrorCapturedEvent : unsafe()); }
EXPORT cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  add(SYNCS, 1);
  return ending(((Event *)event)->capture_id ? cudaErrorCapturedEvent : unsafe());
}
EXPORT cudaError_t cudaEventElapsedTime(float *milliseconds, cudaEvent_t from, cudaEvent_t to) {
  Event *first = (Event *)from, *second = (Event *)to;
  *milliseconds = (float)(second->milliseconds - first->milliseconds);
  return ending(first->capture_id || second->capture_id ? cudaErrorCapturedEvent : cudaSuccess);
}
/* A stream that waits for a captured event joins that capture; one that captures may wait for nothing outside of it. */
EXPORT cudaError_t cudaStreamWaitEvent(cudaStream_t s, cudaEvent_t handle, unsigned flags) {
  Event *event = (Event *)handle;
  Stream *stream = stream_of(s);
  Capture *theirs = 0;
  for (int i = 0; i < 64 && event->capture_id; i++)
    if (capturing[i] && capturing[i]->id == event->capture_id) theirs = capturing[i];
  if (!event->recorded || flags & cudaEventWaitExternal) return ending(cudaSuccess);
  if (stream->capture && theirs != stream->capture) {
    stream->capture->invalid = 1;
    return ending(theirs ? cudaErrorStreamCaptureMerge : cudaErrorStreamCaptureIsolation);
  }
  if (theirs && !stream->capture && stream == &legacy[current]) return ending(cudaErrorStreamCaptureImplicit);
  if (theirs) { stream->capture = theirs; event->stream->unjoined = 0; }
  return ending(cudaSuccess);
}

/* ---- memory ---- */

typedef struct Block { char *start; size_t bytes; struct Block *next; } Block;
static Block *blocks;
static size_t used[MOST_DEVICES + 1], reached[MOST_DEVICES + 1];

/* The device whose memory this is; MOST_DEVICES for pinned memory, -1 for the host's. */
static int place_of(const void *pointer) {
  ptrdiff_t offset = (const char *)pointer - addresses;
  return offset < 0 || offset >= (ptrdiff_t)(SPAN * (MOST_DEVICES + 1)) ? -1 : (int)(offset / (ptrdiff_t)SPAN);
}
static cudaError_t take(void **start, size_t bytes, int place, size_t most) {
  TRY(unsafe());
  size_t rounded = (bytes + 4095) & ~(size_t)4095;
  pthread_mutex_lock(&lock);
  int fits = used[place] + rounded <= most && reached[place] + rounded <= SPAN;
  if (fits) {
    Block *block = malloc(sizeof *block);
    *block = (Block){addresses + SPAN * place + reached[place], rounded, blocks};
    blocks = block;
    *start = block->start;
    used[place] += rounded;
    reached[place] += rounded; /* addresses are never used again */
  }
  pthread_mutex_unlock(&lock);
  return ending(fits ? cudaSuccess : cudaErrorMemoryAllocation);
}
static cudaError_t release(void *start) {
  if (!start) return ending(cudaSuccess);
  TRY(unsafe());
  pthread_mutex_lock(&lock);
  Block **link = &blocks, *block;
  while (*link && (*link)->start != start) link = &(*link)->next;
  if ((block = *link)) {
    *link = block->next;
    used[place_of(start)] -= block->bytes;
    if (place_of(start) == MOST_DEVICES) madvise(start, block->bytes, MADV_DONTNEED);
    free(block);
  }
  pthread_mutex_unlock(&lock);
  return ending(block ? cudaSuccess : cudaErrorInvalidValue);
}
EXPORT cudaError_t cudaMalloc(void **start, size_t bytes) { add(ALLOCATIONS, 1); return take(start, bytes, current, memory_bytes); }
EXPORT cudaError_t cudaFree(void *start) { return release(start); }
EXPORT cudaError_t cudaHostAlloc(void **start, size_t bytes, unsigned flags) { return take(start, bytes, MOST_DEVICES, SPAN); }
EXPORT cudaError_t cudaFreeHost(void *start) { return release(start); }
EXPORT cudaError_t cudaMemGetInfo(size_t *left, size_t *total) { *total = memory_bytes; *left = memory_bytes - used[current]; return ending(cudaSuccess); }
EXPORT cudaError_t cudaPointerGetAttributes(struct cudaPointerAttributes *found, const void *pointer) {
  int place = place_of(pointer);
  memset(found, 0, sizeof *found);
  found->type = place < 0 ? cudaMemoryTypeUnregistered : place == MOST_DEVICES ? cudaMemoryTypeHost : cudaMemoryTypeDevice;
  found->device = place < 0 ? -2 : place == MOST_DEVICES ? current : place;
  if (place >= 0) found->devicePointer = (void *)pointer;
  if (place == MOST_DEVICES) found->hostPointer = (void *)pointer;
  return ending(cudaSuccess);
}

static void move(void *to, const void *from, size_t bytes) {
  int to_host = place_of(to) < 0 || place_of(to) == MOST_DEVICES, from_host = place_of(from) < 0 || place_of(from) == MOST_DEVICES;
  if (to_host && from_host) memmove(to, from, bytes);
  else if (to_host) memset(to, bytes == 1, bytes);
}
static void count_copy(void *to, const void *from) {
  int target = place_of(to), origin = place_of(from), here = target < 0 || target == MOST_DEVICES, there = origin < 0 || origin == MOST_DEVICES;
  add(here ? FROM_DEVICE : there ? TO_DEVICE : ON_DEVICE, 1);
  if (target < 0 || origin < 0) add(PAGEABLE, 1);
}
EXPORT cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind, cudaStream_t s) {
  Graph *graph;
  TRY(work(stream_of(s), &graph));
  if (graph) return cudaSuccess;
  count_copy(to, from);
  move(to, from, bytes);
  return cudaSuccess;
}
EXPORT cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind) {
  TRY(unsafe());
  TRY(cudaMemcpyAsync(to, from, bytes, kind, 0));
  return cudaStreamSynchronize(0);
}
EXPORT cudaError_t cudaMemcpyPeerAsync(void *to, int target, const void *from, int origin, size_t bytes, cudaStream_t s) { return cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, s); }
EXPORT cudaError_t cudaMemsetAsync(void *start, int value, size_t bytes, cudaStream_t s) {
  Graph *graph;
  TRY(work(stream_of(s), &graph));
  if (!graph) add(FILLS, 1);
  return cudaSuccess;
}
EXPORT cudaError_t cudaMemset(void *start, int value, size_t bytes) { return cudaMemsetAsync(start, value, bytes, 0); }
EXPORT cudaError_t cudaGetSymbolAddress(void **start, const void *symbol) { return cudaMalloc(start, 4096); }
EXPORT cudaError_t cudaMemcpyToSymbol(const void *symbol, const void *from, size_t bytes, size_t offset, enum cudaMemcpyKind kind) { return ending(cudaSuccess); }

/* ---- devices: an H100 as torch asks about it ---- */

int null_devices(void) { return visible_count; }
int null_attribute(int attribute) {
  switch (attribute) {
    case cudaDevAttrComputeCapabilityMajor: return 9;
    case cudaDevAttrMultiProcessorCount: return 132;
    case cudaDevAttrWarpSize: return 32;
    case cudaDevAttrMaxThreadsPerBlock: case cudaDevAttrMaxBlockDimX: case cudaDevAttrMaxBlockDimY: return 1024;
    case cudaDevAttrMaxBlockDimZ: return 64;
    case cudaDevAttrMaxThreadsPerMultiProcessor: return 2048;
    case cudaDevAttrMaxGridDimX: return 2147483647;
    case cudaDevAttrMaxGridDimY: case cudaDevAttrMaxGridDimZ: return 65535;
    case cudaDevAttrMaxRegistersPerBlock: case cudaDevAttrMaxRegistersPerMultiprocessor: return 65536;
    case cudaDevAttrMaxSharedMemoryPerBlock: return 49152;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin: return 232448;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor: return 233472;
    case cudaDevAttrL2CacheSize: return 50 << 20;
    case cudaDevAttrGlobalMemoryBusWidth: return 5120;
    case cudaDevAttrClockRate: return 1980000;
    case cudaDevAttrMemoryClockRate: return 2619000;
    case cudaDevAttrUnifiedAddressing: case cudaDevAttrConcurrentKernels: return 1;
    default: return 0;
  }
}
EXPORT cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr attribute, int device) { *value = null_attribute(attribute); return cudaSuccess; }
EXPORT cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *found, int device) {
  if (device < 0 || device >= visible_count) return ending(cudaErrorInvalidDevice);
  memset(found, 0, sizeof *found);
  strcpy(found->name, "Null H100");
  for (int i = 0; i < 16; i++) found->uuid.bytes[i] = (char)(i + visible[device]);
  found->pciBusID = 4 + visible[device];
  found->totalGlobalMem = memory_bytes;
  found->major = null_attribute(cudaDevAttrComputeCapabilityMajor);
  found->multiProcessorCount = null_attribute(cudaDevAttrMultiProcessorCount);
  found->warpSize = null_attribute(cudaDevAttrWarpSize);
  found->maxThreadsPerBlock = found->maxThreadsDim[0] = found->maxThreadsDim[1] = null_attribute(cudaDevAttrMaxThreadsPerBlock);
  found->maxThreadsDim[2] = null_attribute(cudaDevAttrMaxBlockDimZ);
  found->maxThreadsPerMultiProcessor = null_attribute(cudaDevAttrMaxThreadsPerMultiProcessor);
  found->maxBlocksPerMultiProcessor = 32;
  found->maxGridSize[0] = null_attribute(cudaDevAttrMaxGridDimX);
  found->maxGridSize[1] = found->maxGridSize[2] = null_attribute(cudaDevAttrMaxGridDimY);
  found->regsPerBlock = found->regsPerMultiprocessor = null_attribute(cudaDevAttrMaxRegistersPerBlock);
  found->sharedMemPerBlock = (size_t)null_attribute(cudaDevAttrMaxSharedMemoryPerBlock);
  found->sharedMemPerBlockOptin = (size_t)null_attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin);
  found->sharedMemPerMultiprocessor = (size_t)null_attribute(cudaDevAttrMaxSharedMemoryPerMultiprocessor);
  found->l2CacheSize = null_attribute(cudaDevAttrL2CacheSize);
  found->textureAlignment = 512;
  found->concurrentKernels = found->unifiedAddressing = 1;
  found->asyncEngineCount = 3;
  return cudaSuccess;
}
EXPORT cudaError_t cudaGetDeviceCount(int *count) { read_visible(); *count = visible_count; return ending(visible_count ? cudaSuccess : cudaErrorNoDevice); }
EXPORT cudaError_t cudaGetDevice(int *device) { *device = current; return cudaSuccess; }
EXPORT cudaError_t cudaSetDevice(int device) {
  if (device < 0 || device >= visible_count) return ending(cudaErrorInvalidDevice);
  current = device;
  return ending(cudaSuccess);
}
EXPORT cudaError_t cudaDriverGetVersion(int *version) { *version = CUDART_VERSION; return cudaSuccess; }
EXPORT cudaError_t cudaDeviceGetStreamPriorityRange(int *least, int *greatest) { *least = 0; *greatest = -5; return cudaSuccess; }
EXPORT cudaError_t cudaDeviceGetPCIBusId(char *text, int length, int device) { snprintf(text, (size_t)length, "0000:%02x:00.0", 4 + visible[device]); return cudaSuccess; }
EXPORT cudaError_t cudaDeviceCanAccessPeer(int *can, int device, int peer) { *can = 1; return cudaSuccess; }
EXPORT cudaError_t cudaDeviceEnablePeerAccess(int peer, unsigned flags) { return cudaSuccess; }

/* ---- kernels as the host asks about them ---- */

EXPORT cudaError_t __cudaGetKernel(cudaKernel_t *kernel, const void *f) { *kernel = (cudaKernel_t)f; return cudaSuccess; }
EXPORT char __cudaInitModule(void **module) { return 1; }
EXPORT cudaError_t cudaFuncSetAttribute(const void *f, enum cudaFuncAttribute attribute, int value) { return ending(cudaSuccess); }
EXPORT cudaError_t cudaFuncGetAttributes(struct cudaFuncAttributes *found, const void *f) {
  memset(found, 0, sizeof *found);
  found->maxThreadsPerBlock = 1024;
  found->numRegs = 32;
  found->binaryVersion = found->ptxVersion = 90;
  found->maxDynamicSharedSizeBytes = 232448;
  return ending(cudaSuccess);
}
EXPORT cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *count, const void *f, int threads, size_t shared, unsigned flags) { *count = 4; return cudaSuccess; }

static int answer_success(void) { return 0; }
EXPORT cudaError_t cudaGetDriverEntryPointByVersion(const char *name, void **f, unsigned version, unsigned long long flags, enum cudaDriverEntryPointQueryResult *result) {
  *f = dlsym(RTLD_DEFAULT, name);
  if (!*f) *f = (void *)answer_success;
  if (result) *result = cudaDriverEntryPointSuccess;
  return cudaSuccess;
}

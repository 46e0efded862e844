/* Streams, events, kernels and graphs. A stream's work is done at once, or becomes part of a graph while it captures;
   then what would wait for it is refused, and spoils the capture, as CUDA refuses it. */
#define _GNU_SOURCE
#include "device.h"

#include <cuda_runtime_api.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#define MOST_STREAMS 1024
#define MOST_CAPTURES 64

typedef struct {
  long kernels, nodes;
} Graph;
typedef struct {
  Graph *graph;
  struct Stream *origin;
  enum cudaStreamCaptureMode mode;
  pthread_t thread;
  int device, invalid;
  unsigned long long id;
} Capture;
typedef struct Stream {
  Capture *capture;
  int device, unjoined;
} Stream;
typedef struct {
  double milliseconds;
  int recorded;
  unsigned long long capture_id;
  Stream *stream;
} Event;

static Stream streams[MOST_STREAMS], legacy[MOST_DEVICES];
static atomic_int stream_count;
static Capture *capturing[MOST_CAPTURES]; /* those that go on now */
static unsigned long long capture_ids;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static __thread enum cudaStreamCaptureMode thread_mode = cudaStreamCaptureModeGlobal;

static Stream *stream_of(cudaStream_t handle) {
  legacy[null_current].device = null_current;
  return (uintptr_t)handle <= 2 ? &legacy[null_current] : (Stream *)handle;
}

static cudaError_t refuse(Capture *capture) {
  capture->invalid = 1;
  return null_ending(cudaErrorStreamCaptureUnsupported);
}

/* Work on a stream: whether it may go on, and the graph that takes it, if the stream captures. */
static cudaError_t work(Stream *stream, Graph **graph) {
  *graph = 0;
  if (null_broken) return null_ending(cudaErrorIllegalAddress);
  if (!stream->capture) return cudaSuccess;
  if (stream->capture->invalid) return null_ending(cudaErrorStreamCaptureInvalidated);
  *graph = stream->capture->graph;
  (*graph)->nodes++;
  stream->unjoined = stream != stream->capture->origin;
  return cudaSuccess;
}

/* Calls that CUDA calls unsafe, such as cudaMalloc: refused by the modes of the captures and of this thread. */
int null_unsafe(void) {
  if (null_broken) return null_ending(cudaErrorIllegalAddress);
  if (thread_mode == cudaStreamCaptureModeRelaxed) return cudaSuccess;
  for (int i = 0; i < MOST_CAPTURES; i++) {
    Capture *capture = capturing[i];
    if (!capture || capture->mode == cudaStreamCaptureModeRelaxed) continue;
    int global = capture->mode == cudaStreamCaptureModeGlobal && thread_mode == cudaStreamCaptureModeGlobal;
    if (global || pthread_equal(capture->thread, pthread_self())) return refuse(capture);
  }
  return cudaSuccess;
}

static cudaError_t synchronize(Stream *stream) {
  null_count(stream->device, SYNCS, 1);
  return null_ending(stream->capture ? refuse(stream->capture) : cudaSuccess);
}

EXPORT cudaError_t cudaStreamSynchronize(cudaStream_t s) { return synchronize(stream_of(s)); }
EXPORT cudaError_t cudaDeviceSynchronize(void) {
  null_count(null_current, SYNCS, 1);
  for (int i = 0; i < MOST_CAPTURES; i++)
    if (capturing[i] && capturing[i]->device == null_current) return refuse(capturing[i]);
  return null_ending(cudaSuccess);
}
EXPORT cudaError_t cudaStreamQuery(cudaStream_t s) {
  Capture *c = stream_of(s)->capture;
  return c ? refuse(c) : null_ending(cudaSuccess);
}

EXPORT cudaError_t cudaStreamBeginCapture(cudaStream_t handle, enum cudaStreamCaptureMode mode) {
  Stream *stream = stream_of(handle);
  if (null_broken) return null_ending(cudaErrorIllegalAddress);
  if (stream == &legacy[null_current]) return null_ending(cudaErrorStreamCaptureUnsupported);
  if (stream->capture) return null_ending(cudaErrorIllegalState);
  pthread_mutex_lock(&lock);
  int free_place = 0;
  while (capturing[free_place]) free_place++;
  Capture *capture = calloc(1, sizeof *capture);
  *capture = (Capture){calloc(1, sizeof(Graph)), stream, mode, pthread_self(), null_current, 0, ++capture_ids};
  capturing[free_place] = stream->capture = capture;
  pthread_mutex_unlock(&lock);
  null_count(stream->device, CAPTURES, 1);
  return cudaSuccess;
}

EXPORT cudaError_t cudaStreamEndCapture(cudaStream_t handle, cudaGraph_t *graph) {
  Stream *stream = stream_of(handle);
  Capture *capture = stream->capture;
  *graph = 0;
  if (!capture) return null_ending(cudaErrorIllegalState);
  if (capture->origin != stream) return null_ending(cudaErrorStreamCaptureUnmatched);
  cudaError_t error = cudaSuccess;
  if (capture->mode != cudaStreamCaptureModeRelaxed && !pthread_equal(capture->thread, pthread_self()))
    return null_ending(cudaErrorStreamCaptureWrongThread);
  pthread_mutex_lock(&lock);
  for (int i = 0; i < stream_count; i++) {
    if (streams[i].capture != capture) continue;
    if (streams[i].unjoined) error = cudaErrorStreamCaptureUnjoined;
    streams[i].capture = 0;
    streams[i].unjoined = 0;
  }
  for (int i = 0; i < MOST_CAPTURES; i++)
    if (capturing[i] == capture) capturing[i] = 0;
  pthread_mutex_unlock(&lock);
  if (capture->invalid) error = cudaErrorStreamCaptureInvalidated;
  if (!error) *graph = (cudaGraph_t)capture->graph;
  free(capture);
  return null_ending(error);
}

static enum cudaStreamCaptureStatus status_of(Stream *stream) {
  if (!stream->capture) return cudaStreamCaptureStatusNone;
  return stream->capture->invalid ? cudaStreamCaptureStatusInvalidated : cudaStreamCaptureStatusActive;
}
EXPORT cudaError_t cudaStreamIsCapturing(cudaStream_t s, enum cudaStreamCaptureStatus *status) {
  *status = status_of(stream_of(s));
  return null_ending(cudaSuccess);
}
EXPORT cudaError_t cudaStreamGetCaptureInfo(cudaStream_t s, enum cudaStreamCaptureStatus *status,
                                            unsigned long long *id, cudaGraph_t *graph, const cudaGraphNode_t **nodes,
                                            const cudaGraphEdgeData **edges, size_t *count) {
  Capture *capture = stream_of(s)->capture;
  *status = status_of(stream_of(s));
  if (id) *id = capture ? capture->id : 0;
  if (graph) *graph = capture ? (cudaGraph_t)capture->graph : 0;
  if (nodes) *nodes = 0;
  if (edges) *edges = 0;
  if (count) *count = 0;
  return null_ending(cudaSuccess);
}
EXPORT cudaError_t cudaStreamUpdateCaptureDependencies(cudaStream_t s, cudaGraphNode_t *nodes,
                                                       const cudaGraphEdgeData *edges, size_t n, unsigned flags) {
  return null_ending(stream_of(s)->capture ? cudaSuccess : cudaErrorIllegalState);
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
  return null_ending(null_unsafe());
}
EXPORT cudaError_t cudaGraphInstantiate(cudaGraphExec_t *made, cudaGraph_t graph, unsigned long long flags) {
  return cudaGraphInstantiateWithFlags(made, graph, flags);
}
EXPORT cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  free(graph);
  return cudaSuccess;
}
EXPORT cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph) {
  free(graph);
  return cudaSuccess;
}
EXPORT cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t *nodes, size_t *count) {
  if (!nodes) *count = (size_t)((Graph *)graph)->nodes;
  else
    for (size_t i = 0; i < *count; i++) nodes[i] = (cudaGraphNode_t)(i + 1);
  return cudaSuccess;
}
EXPORT cudaError_t cudaGraphRetainUserObject(cudaGraph_t graph, cudaUserObject_t object, unsigned count,
                                             unsigned flags) {
  return cudaSuccess;
}

EXPORT cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t s) {
  Graph *outer, *inner = (Graph *)graph;
  Stream *stream = stream_of(s);
  TRY(work(stream, &outer));
  if (outer) {
    outer->kernels += inner->kernels;
    return cudaSuccess;
  }
  null_count(stream->device, GRAPH_LAUNCHES, 1);
  null_count(stream->device, GRAPH_KERNELS, inner->kernels);
  return null_ending(cudaSuccess);
}
int null_kernel(void *handle) {
  Graph *graph;
  Stream *stream = stream_of(handle);
  if (stream->device != null_current) return null_ending(cudaErrorInvalidResourceHandle);
  TRY(work(stream, &graph));
  if (graph) {
    graph->kernels++;
    return cudaSuccess;
  }
  null_count(null_current, KERNELS, 1);
  return null_ending(cudaSuccess);
}

EXPORT cudaError_t cudaLaunchKernel(const void *f, dim3 grid, dim3 block, void **a, size_t shared, cudaStream_t s) {
  return null_kernel(s);
}
EXPORT cudaError_t __cudaLaunchKernel(cudaKernel_t f, dim3 grid, dim3 block, void **a, size_t shared, cudaStream_t s) {
  return null_kernel(s);
}
EXPORT cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t *config, const void *f, void **a) {
  return null_kernel(config->stream);
}
EXPORT cudaError_t cudaLaunchHostFunc(cudaStream_t s, cudaHostFn_t call, void *data) {
  Graph *graph;
  TRY(work(stream_of(s), &graph));
  if (!graph) call(data);
  return cudaSuccess;
}

int null_work(void *handle, int *captured) {
  Graph *graph;
  TRY(work(stream_of(handle), &graph));
  *captured = graph != 0;
  return cudaSuccess;
}

/* ---- streams and events ---- */

static cudaError_t new_stream(cudaStream_t *made) {
  int place = atomic_fetch_add(&stream_count, 1);
  if (place >= MOST_STREAMS) abort();
  streams[place].device = null_current;
  *made = (cudaStream_t)&streams[place];
  return null_ending(cudaSuccess);
}
EXPORT cudaError_t cudaStreamCreate(cudaStream_t *made) { return new_stream(made); }
EXPORT cudaError_t cudaStreamCreateWithFlags(cudaStream_t *made, unsigned flags) { return new_stream(made); }
EXPORT cudaError_t cudaStreamCreateWithPriority(cudaStream_t *made, unsigned flags, int priority) {
  return new_stream(made);
}
EXPORT cudaError_t cudaStreamDestroy(cudaStream_t s) { return null_ending(cudaSuccess); }
EXPORT cudaError_t cudaStreamGetPriority(cudaStream_t s, int *priority) {
  *priority = 0;
  return cudaSuccess;
}

EXPORT cudaError_t cudaEventCreateWithFlags(cudaEvent_t *made, unsigned flags) {
  *made = calloc(1, sizeof(Event));
  return null_ending(cudaSuccess);
}
EXPORT cudaError_t cudaEventCreate(cudaEvent_t *made) { return cudaEventCreateWithFlags(made, 0); }
EXPORT cudaError_t cudaEventDestroy(cudaEvent_t event) {
  free(event);
  return cudaSuccess;
}
EXPORT cudaError_t cudaEventRecordWithFlags(cudaEvent_t handle, cudaStream_t s, unsigned flags) {
  struct timespec now;
  Event *event = (Event *)handle;
  Stream *stream = stream_of(s);
  if (stream->capture && stream->capture->invalid) return null_ending(cudaErrorStreamCaptureInvalidated);
  clock_gettime(CLOCK_MONOTONIC, &now);
  *event = (Event){now.tv_sec * 1e3 + now.tv_nsec * 1e-6, 1, 0, stream};
  if (stream->capture && !(flags & cudaEventRecordExternal)) event->capture_id = stream->capture->id;
  return null_ending(cudaSuccess);
}
EXPORT cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t s) { return cudaEventRecordWithFlags(event, s, 0); }
EXPORT cudaError_t cudaEventQuery(cudaEvent_t event) {
  return null_ending(((Event *)event)->capture_id ? cudaErrorCapturedEvent : null_unsafe());
}
EXPORT cudaError_t cudaEventSynchronize(cudaEvent_t handle) {
  Event *event = (Event *)handle;
  null_count(event->recorded ? event->stream->device : null_current, SYNCS, 1);
  return null_ending(event->capture_id ? cudaErrorCapturedEvent : null_unsafe());
}
EXPORT cudaError_t cudaEventElapsedTime(float *milliseconds, cudaEvent_t from, cudaEvent_t to) {
  Event *first = (Event *)from, *second = (Event *)to;
  *milliseconds = (float)(second->milliseconds - first->milliseconds);
  return null_ending(first->capture_id || second->capture_id ? cudaErrorCapturedEvent : cudaSuccess);
}
/* A stream that waits for a captured event joins that capture; one that captures may wait for nothing outside of it. */
EXPORT cudaError_t cudaStreamWaitEvent(cudaStream_t s, cudaEvent_t handle, unsigned flags) {
  Event *event = (Event *)handle;
  Stream *stream = stream_of(s);
  Capture *theirs = 0;
  for (int i = 0; i < MOST_CAPTURES && event->capture_id; i++)
    if (capturing[i] && capturing[i]->id == event->capture_id) theirs = capturing[i];
  if (!event->recorded || flags & cudaEventWaitExternal) return null_ending(cudaSuccess);
  if (stream->capture && theirs != stream->capture) {
    stream->capture->invalid = 1;
    return null_ending(theirs ? cudaErrorStreamCaptureMerge : cudaErrorStreamCaptureIsolation);
  }
  if (theirs && !stream->capture && stream == &legacy[null_current]) return null_ending(cudaErrorStreamCaptureImplicit);
  if (theirs) {
    stream->capture = theirs;
    event->stream->unjoined = 0;
  }
  return null_ending(cudaSuccess);
}

/* Memory. That of a device is reserved address space, so it costs nothing, and a program that touches it on the host
   crashes as it would with a GPU. Copies to a device vanish. Copies from one read the byte 1 and seven bytes 0, again and
   again: what is asked is true, a count is 1, and a loss is a float next to 0. */
#define _GNU_SOURCE
#include "device.h"

#include <cuda_runtime_api.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define SPAN ((size_t)1 << 40) /* addresses per device, and for pinned memory */
#define PINNED MOST_DEVICES    /* the place after the devices */
#define HOST (-1)

static char *addresses;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
__attribute__((constructor)) static void reserve(void) {
  addresses = mmap(0, SPAN * (MOST_DEVICES + 1), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (addresses == MAP_FAILED || mprotect(addresses + SPAN * PINNED, SPAN, PROT_READ | PROT_WRITE)) abort();
}

typedef struct Block {
  char *start;
  size_t bytes;
  struct Block *next;
} Block;
static Block *blocks;
static size_t used[MOST_DEVICES + 1], reached[MOST_DEVICES + 1];

/* The device whose memory this is, PINNED or HOST. */
static int place_of(const void *pointer) {
  ptrdiff_t offset = (const char *)pointer - addresses;
  return offset < 0 || offset >= (ptrdiff_t)(SPAN * (MOST_DEVICES + 1)) ? HOST : (int)(offset / (ptrdiff_t)SPAN);
}
static cudaError_t take(void **start, size_t bytes, int place, size_t most) {
  TRY(null_unsafe());
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
  return null_ending(fits ? cudaSuccess : cudaErrorMemoryAllocation);
}
static cudaError_t release(void *start) {
  if (!start) return null_ending(cudaSuccess);
  TRY(null_unsafe());
  pthread_mutex_lock(&lock);
  Block **link = &blocks, *block;
  while (*link && (*link)->start != start) link = &(*link)->next;
  if ((block = *link)) {
    *link = block->next;
    used[place_of(start)] -= block->bytes;
    if (place_of(start) == PINNED) madvise(start, block->bytes, MADV_DONTNEED);
    free(block);
  }
  pthread_mutex_unlock(&lock);
  return null_ending(block ? cudaSuccess : cudaErrorInvalidValue);
}
EXPORT cudaError_t cudaMalloc(void **start, size_t bytes) {
  null_count(null_current, ALLOCATIONS, 1);
  return take(start, bytes, null_current, null_memory_bytes);
}
EXPORT cudaError_t cudaFree(void *start) { return release(start); }
EXPORT cudaError_t cudaHostAlloc(void **start, size_t bytes, unsigned flags) {
  return take(start, bytes, PINNED, SPAN);
}
EXPORT cudaError_t cudaFreeHost(void *start) { return release(start); }
EXPORT cudaError_t cudaMemGetInfo(size_t *left, size_t *total) {
  *total = null_memory_bytes;
  *left = null_memory_bytes - used[null_current];
  return null_ending(cudaSuccess);
}
EXPORT cudaError_t cudaPointerGetAttributes(struct cudaPointerAttributes *found, const void *pointer) {
  int place = place_of(pointer);
  memset(found, 0, sizeof *found);
  found->type = cudaMemoryTypeDevice;
  if (place == HOST) found->type = cudaMemoryTypeUnregistered;
  if (place == PINNED) found->type = cudaMemoryTypeHost;
  found->device = place == HOST ? cudaInvalidDeviceId : place == PINNED ? null_current : place;
  if (place != HOST) found->devicePointer = (void *)pointer;
  if (place == PINNED) found->hostPointer = (void *)pointer;
  return null_ending(cudaSuccess);
}

static int on_device(const void *pointer) { return place_of(pointer) != HOST && place_of(pointer) != PINNED; }
EXPORT cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind, cudaStream_t s) {
  int captured;
  TRY(null_work(s, &captured));
  if (captured) return cudaSuccess;
  null_count(null_current, !on_device(to) ? FROM_DEVICE : !on_device(from) ? TO_DEVICE : ON_DEVICE, 1);
  if (place_of(to) == HOST || place_of(from) == HOST) null_count(null_current, PAGEABLE, 1);
  if (!on_device(to) && !on_device(from)) memmove(to, from, bytes);
  else if (!on_device(to))
    for (size_t i = 0; i < bytes; i++) ((char *)to)[i] = i % 8 == 0;
  return cudaSuccess;
}
EXPORT cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind) {
  TRY(null_unsafe());
  TRY(cudaMemcpyAsync(to, from, bytes, kind, 0));
  return cudaStreamSynchronize(0);
}
EXPORT cudaError_t cudaMemcpyPeerAsync(void *to, int target, const void *from, int origin, size_t bytes,
                                       cudaStream_t s) {
  return cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, s);
}
EXPORT cudaError_t cudaMemsetAsync(void *start, int value, size_t bytes, cudaStream_t s) {
  int captured;
  TRY(null_work(s, &captured));
  if (!captured) null_count(null_current, FILLS, 1);
  return cudaSuccess;
}
EXPORT cudaError_t cudaMemset(void *start, int value, size_t bytes) { return cudaMemsetAsync(start, value, bytes, 0); }
EXPORT cudaError_t cudaGetSymbolAddress(void **start, const void *symbol) {
  return take(start, 4096, null_current, null_memory_bytes);
}
EXPORT cudaError_t cudaMemcpyToSymbol(const void *symbol, const void *from, size_t bytes, size_t offset,
                                      enum cudaMemcpyKind kind) {
  return null_ending(cudaSuccess);
}

/* The null device: what it counts, how its calls end, and the H100 that it says it is.

   It keeps the books of a GPU and computes nothing. Everything is counted, per device, in the file that NULL_DEVICE_COUNTS
   names, by all processes together. */
#define _GNU_SOURCE
#include "device.h"

#include <cuda_runtime_api.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char *const names[COUNTERS] = {"kernels",  "captures",  "graph_launches", "graph_kernels",
                                            "syncs",    "to_device", "from_device",    "on_device",
                                            "pageable", "fills",     "allocations"};
typedef struct {
  char name[24];
  atomic_long value;
} Counter; /* as harness.py reads it */
static Counter (*counts)[COUNTERS];
static int visible[MOST_DEVICES], visible_count;
static atomic_long *all_kernels; /* of all devices and processes */
static long fail_after;          /* so many of them; 0 is never */
__thread int null_current;
size_t null_memory_bytes;
int null_broken;

static void read_visible(void) {
  const char *list = getenv("CUDA_VISIBLE_DEVICES"), *count = getenv("NULL_DEVICE_COUNT");
  int present = count ? atoi(count) : 1;
  visible_count = 0;
  if (!list) {
    for (; visible_count < present; visible_count++) visible[visible_count] = visible_count;
    return;
  }
  while (*list && visible_count < MOST_DEVICES) { /* up to the first that does not exist, as CUDA reads it */
    char *end;
    long device = strtol(list, &end, 10);
    if (end == list || device < 0 || device >= present) return;
    visible[visible_count++] = (int)device;
    list = *end == ',' ? end + 1 : end;
  }
}

__attribute__((constructor)) static void start(void) {
  const char *path = getenv("NULL_DEVICE_COUNTS"), *gib = getenv("NULL_DEVICE_GIB");
  const char *fail = getenv("NULL_DEVICE_FAIL_AFTER");
  size_t bytes = sizeof(Counter[MOST_DEVICES][COUNTERS]) + sizeof(atomic_long);
  int file = path ? open(path, O_RDWR | O_CREAT, 0600) : -1;
  if (file >= 0 && ftruncate(file, (off_t)bytes)) abort();
  counts = mmap(0, bytes, PROT_READ | PROT_WRITE, file < 0 ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED, file, 0);
  if (file >= 0) close(file);
  if (counts == MAP_FAILED) abort();
  for (int device = 0; device < MOST_DEVICES; device++)
    for (int i = 0; i < COUNTERS; i++) strcpy(counts[device][i].name, names[i]);
  all_kernels = (atomic_long *)(counts + MOST_DEVICES);
  null_memory_bytes = (size_t)((gib ? atof(gib) : 80.0) * (1 << 30));
  fail_after = fail ? atol(fail) : 0;
  read_visible();
}

void null_count(int device, Counted what, long more) {
  atomic_fetch_add(&counts[visible[device]][what].value, more);
  if (what != KERNELS && what != GRAPH_KERNELS) return;
  long now = atomic_fetch_add(all_kernels, more) + more;
  if (now >= fail_after && now - more < fail_after) null_broken = 1;
}

/* After so many kernels more, of all processes, the process that launches the last one has a sticky error. */
EXPORT void null_device_fail_after(long kernels) { fail_after = atomic_load(all_kernels) + kernels; }

/* ---- errors ---- */

static __thread cudaError_t last;

int null_ending(int error) {
  if (null_broken) error = cudaErrorIllegalAddress;
  if (error) last = (cudaError_t)error;
  return error;
}
EXPORT cudaError_t cudaPeekAtLastError(void) { return null_broken ? cudaErrorIllegalAddress : last; }
EXPORT cudaError_t cudaGetLastError(void) {
  cudaError_t error = cudaPeekAtLastError();
  last = cudaSuccess;
  return error;
}

/* ---- an H100, as torch asks about it ---- */

int null_devices(void) { return visible_count; }
int null_attribute(int attribute) {
  switch (attribute) {
    case cudaDevAttrComputeCapabilityMajor: return 9;
    case cudaDevAttrMultiProcessorCount: return 132;
    case cudaDevAttrWarpSize: return 32;
    case cudaDevAttrMaxThreadsPerBlock:
    case cudaDevAttrMaxBlockDimX:
    case cudaDevAttrMaxBlockDimY: return 1024;
    case cudaDevAttrMaxBlockDimZ: return 64;
    case cudaDevAttrMaxThreadsPerMultiProcessor: return 2048;
    case cudaDevAttrMaxGridDimX: return 2147483647;
    case cudaDevAttrMaxGridDimY:
    case cudaDevAttrMaxGridDimZ: return 65535;
    case cudaDevAttrMaxRegistersPerBlock:
    case cudaDevAttrMaxRegistersPerMultiprocessor: return 65536;
    case cudaDevAttrMaxSharedMemoryPerBlock: return 49152;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin: return 232448;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor: return 233472;
    case cudaDevAttrL2CacheSize: return 50 << 20;
    case cudaDevAttrGlobalMemoryBusWidth: return 5120;
    case cudaDevAttrClockRate: return 1980000;
    case cudaDevAttrMemoryClockRate: return 2619000;
    case cudaDevAttrUnifiedAddressing:
    case cudaDevAttrConcurrentKernels: return 1;
    default: return 0;
  }
}
EXPORT cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr attribute, int device) {
  *value = null_attribute(attribute);
  return cudaSuccess;
}
EXPORT cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *found, int device) {
  if (device < 0 || device >= visible_count) return null_ending(cudaErrorInvalidDevice);
  memset(found, 0, sizeof *found);
  strcpy(found->name, "Null H100");
  for (int i = 0; i < 16; i++) found->uuid.bytes[i] = (char)(i + visible[device]);
  found->pciBusID = 4 + visible[device];
  found->totalGlobalMem = null_memory_bytes;
  found->major = null_attribute(cudaDevAttrComputeCapabilityMajor);
  found->multiProcessorCount = null_attribute(cudaDevAttrMultiProcessorCount);
  found->warpSize = null_attribute(cudaDevAttrWarpSize);
  found->maxThreadsPerBlock = found->maxThreadsDim[0] = found->maxThreadsDim[1] =
      null_attribute(cudaDevAttrMaxThreadsPerBlock);
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
EXPORT cudaError_t cudaGetDeviceCount(int *count) {
  read_visible();
  *count = visible_count;
  return null_ending(visible_count ? cudaSuccess : cudaErrorNoDevice);
}
EXPORT cudaError_t cudaGetDevice(int *device) {
  *device = null_current;
  return cudaSuccess;
}
EXPORT cudaError_t cudaSetDevice(int device) {
  if (device < 0 || device >= visible_count) return null_ending(cudaErrorInvalidDevice);
  null_current = device;
  return null_ending(cudaSuccess);
}
EXPORT cudaError_t cudaDriverGetVersion(int *version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}
EXPORT cudaError_t cudaDeviceGetStreamPriorityRange(int *least, int *greatest) {
  *least = 0;
  *greatest = -5;
  return cudaSuccess;
}
EXPORT cudaError_t cudaDeviceGetPCIBusId(char *text, int length, int device) {
  snprintf(text, (size_t)length, "0000:%02x:00.0", 4 + visible[device]);
  return cudaSuccess;
}
EXPORT cudaError_t cudaDeviceCanAccessPeer(int *can, int device, int peer) {
  *can = 1;
  return cudaSuccess;
}
EXPORT cudaError_t cudaDeviceEnablePeerAccess(int peer, unsigned flags) { return cudaSuccess; }

/* ---- kernels as the host asks about them ---- */

EXPORT cudaError_t __cudaGetKernel(cudaKernel_t *kernel, const void *f) {
  *kernel = (cudaKernel_t)f;
  return cudaSuccess;
}
EXPORT char __cudaInitModule(void **module) { return 1; }
EXPORT cudaError_t cudaFuncSetAttribute(const void *f, enum cudaFuncAttribute attribute, int value) {
  return null_ending(cudaSuccess);
}
EXPORT cudaError_t cudaFuncGetAttributes(struct cudaFuncAttributes *found, const void *f) {
  memset(found, 0, sizeof *found);
  found->maxThreadsPerBlock = 1024;
  found->numRegs = 32;
  found->binaryVersion = found->ptxVersion = 90;
  found->maxDynamicSharedSizeBytes = 232448;
  return null_ending(cudaSuccess);
}
EXPORT cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *count, const void *f, int threads,
                                                                          size_t shared, unsigned flags) {
  *count = 4;
  return cudaSuccess;
}

static int answer_success(void) { return 0; }
EXPORT cudaError_t cudaGetDriverEntryPointByVersion(const char *name, void **f, unsigned version,
                                                    unsigned long long flags,
                                                    enum cudaDriverEntryPointQueryResult *result) {
  *f = dlsym(RTLD_DEFAULT, name);
  if (!*f) *f = (void *)answer_success;
  if (result) *result = cudaDriverEntryPointSuccess;
  return cudaSuccess;
}

/* The null device's CUDA driver, as c10, nvrtc and Triton's launcher call it. The library's soname is libcuda.so.1, so
   whoever opens that gets this one. */
#include "device.h"

#include <stdlib.h>
#include <string.h>

/* clang-format off */
#define YES(name) EXPORT int name() { return 0; }
#define GIVES(name, type, value) EXPORT int name(type *found) { *found = value; return 0; }
#define MAKES(name) EXPORT int name(void **made) { *made = calloc(1, 8); return 0; }

static char context;

YES(cuInit) GIVES(cuDriverGetVersion, int, 13000) GIVES(cuDeviceGetCount, int, null_devices())
EXPORT int cuDeviceGet(int *device, int number) { *device = number; return 0; }
EXPORT int cuDeviceGetName(char *name, int length, int device) { strncpy(name, "Null H100", (size_t)length); return 0; }
EXPORT int cuDeviceGetAttribute(int *value, int attribute, int device) { *value = null_attribute(attribute); return 0; }
EXPORT int cuDevicePrimaryCtxGetState(int device, unsigned *flags, int *active) { if (flags) *flags = 0; *active = 1; return 0; }
EXPORT int cuDevicePrimaryCtxRetain(void **found, int device) { *found = &context; return 0; }
GIVES(cuCtxGetCurrent, void *, &context) GIVES(cuCtxGetDevice, int, null_current) GIVES(cuCtxGetLimit, size_t, 0)
YES(cuCtxSetCurrent) YES(cuCtxSetLimit)

MAKES(cuModuleLoad) MAKES(cuModuleLoadData) MAKES(cuModuleLoadDataEx) MAKES(cuModuleGetFunction) YES(cuModuleUnload)
YES(cuLinkCreate_v2) YES(cuLinkAddData_v2) YES(cuLinkComplete) YES(cuFuncSetAttribute) YES(cuFuncSetCacheConfig)
GIVES(cuOccupancyMaxActiveBlocksPerMultiprocessor, int, 4) GIVES(cuOccupancyMaxActiveClusters, int, 4)
#define SHAPE unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared
EXPORT int cuLaunchKernel(void *f, SHAPE, void *stream) { return null_kernel(stream); }
EXPORT int cuLaunchCooperativeKernel(void *f, SHAPE, void *stream) { return null_kernel(stream); }
typedef struct { unsigned shape[7]; void *stream; } Launch; /* the beginning of CUlaunchConfig */
EXPORT int cuLaunchKernelEx(const Launch *launch) { return null_kernel(launch->stream); }

YES(cuPointerGetAttributes) YES(cuTensorMapEncodeTiled) YES(cuTensorMapEncodeIm2col)
EXPORT int cuGetErrorString(int error, const char **text) { *text = "an error of the null device"; return 0; }
EXPORT int cuGetErrorName(int error, const char **text) { *text = "NULL_DEVICE_ERROR"; return 0; }
/* clang-format on */

EXPORT int cuFuncGetAttribute(int *value, int attribute, void *f) {
  enum { THREADS = 0, REGISTERS = 4 };
  *value = attribute == THREADS ? 1024 : attribute == REGISTERS ? 32 : 0;
  return 0;
}
EXPORT int cuPointerGetAttribute(void *value, int attribute, uint64_t pointer) {
  enum { DEVICE_POINTER = 3, ON_DEVICE_MEMORY = 2 };
  if (attribute == DEVICE_POINTER) *(uint64_t *)value = pointer;
  else *(int *)value = ON_DEVICE_MEMORY;
  return 0;
}
EXPORT int cuGetProcAddress_v2(const char *name, void **f, int version, uint64_t flags, int *result) {
  *f = 0;
  return 500; /* CUDA_ERROR_NOT_FOUND */
}

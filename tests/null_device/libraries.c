/* cuBLAS, cuBLASLt and cuDNN as torch calls them: handles that know their stream, descriptors that say yes, and calls
   that are one kernel each. */
#include "device.h"

#include <stdlib.h>
#include <string.h>

/* clang-format off */
#define YES(name) EXPORT int name() { return 0; }
#define KERNEL(name) EXPORT int name(Handle *handle) { return null_kernel(handle->stream); }
#define MAKES(name) EXPORT int name(void **made) { *made = calloc(1, 512); return 0; }
#define FREES(name) EXPORT int name(void *made) { free(made); return 0; }
#define SETS_STREAM(name) EXPORT int name(Handle *handle, void *stream) { handle->stream = stream; return 0; }
#define GIVES_MODE(name) EXPORT int name(Handle *handle, int *mode) { *mode = 0; return 0; }
#define NO_BYTES(name, ...) EXPORT int name(__VA_ARGS__, size_t *bytes) { *bytes = 0; return 0; }

typedef struct { void *stream; } Handle;

/* ---- cuBLAS ---- */
MAKES(cublasCreate_v2) FREES(cublasDestroy_v2) SETS_STREAM(cublasSetStream_v2)
GIVES_MODE(cublasGetMathMode) GIVES_MODE(cublasGetPointerMode_v2)
YES(cublasSetWorkspace_v2) YES(cublasSetMathMode) YES(cublasSetPointerMode_v2) YES(cublasSetSmCountTarget)
KERNEL(cublasGemmEx) KERNEL(cublasGemmStridedBatchedEx) KERNEL(cublasSgemmEx) KERNEL(cublasDotEx)
KERNEL(cublasSgemm_v2) KERNEL(cublasDgemm_v2) KERNEL(cublasSgemmStridedBatched) KERNEL(cublasDgemmStridedBatched)
KERNEL(cublasSgemv_v2) KERNEL(cublasDgemv_v2) KERNEL(cublasSdot_v2) KERNEL(cublasDdot_v2)

/* ---- cuBLASLt ---- */
MAKES(cublasLtMatmulDescCreate) MAKES(cublasLtMatrixLayoutCreate) MAKES(cublasLtMatmulPreferenceCreate)
FREES(cublasLtMatmulDescDestroy) FREES(cublasLtMatrixLayoutDestroy) FREES(cublasLtMatmulPreferenceDestroy)
YES(cublasLtMatmulDescSetAttribute) YES(cublasLtMatrixLayoutSetAttribute) YES(cublasLtMatmulPreferenceSetAttribute)
/* clang-format on */
EXPORT int cublasLtMatmulAlgoGetHeuristic(void *handle, void *product, void *a, void *b, void *c, void *d,
                                          void *preference, int wanted, void *found, int *count) {
  memset(found, 0, 96); /* one cublasLtMatmulHeuristicResult_t: it needs no workspace */
  *count = 1;
  return 0;
}
EXPORT int cublasLtMatmul(void *handle, void *product, void *alpha, void *a, void *a_layout, void *b, void *b_layout,
                          void *beta, void *c, void *c_layout, void *d, void *d_layout, void *algorithm,
                          void *workspace, size_t bytes, void *stream) {
  return null_kernel(stream);
}

/* ---- cuDNN ---- */
/* clang-format off */
MAKES(cudnnCreate) FREES(cudnnDestroy) SETS_STREAM(cudnnSetStream)
EXPORT int cudnnGetStream(Handle *handle, void **stream) { *stream = handle->stream; return 0; }
EXPORT size_t cudnnGetCudartVersion(void) { return 13000; }
KERNEL(cudnnConvolutionForward) KERNEL(cudnnConvolutionBiasActivationForward)
KERNEL(cudnnConvolutionBackwardData) KERNEL(cudnnConvolutionBackwardFilter)
KERNEL(cudnnBatchNormalizationForwardTrainingEx) KERNEL(cudnnBatchNormalizationBackwardEx)
KERNEL(cudnnBatchNormalizationForwardInference)
#define SIZES void *handle, int mode, int fused
NO_BYTES(cudnnGetBatchNormalizationForwardTrainingExWorkspaceSize, SIZES, void *x, void *z, void *y, void *b, void *a)
NO_BYTES(cudnnGetBatchNormalizationBackwardExWorkspaceSize, SIZES, void *x, void *y, void *dy, void *dz, void *dx, void *b, void *a)
NO_BYTES(cudnnGetBatchNormalizationTrainingExReserveSpaceSize, SIZES, void *a, void *x)

/* cuDNN's graph interface: every search finds one engine, whose plan needs no workspace. */
FREES(cudnnBackendDestroyDescriptor)
EXPORT int cudnnBackendCreateDescriptor(int type, void **made) { *made = calloc(1, 64); return 0; }
YES(cudnnBackendSetAttribute) YES(cudnnBackendFinalize) KERNEL(cudnnBackendExecute)
/* clang-format on */
enum { ENGINES_FOUND = 202, CONFIGURED_ENGINE = 300, PLAN_WORKSPACE = 402, ENGINE_NUMBER = 1301 };
enum { IS_INT64 = 3, IS_INT32 = 23 };
EXPORT int cudnnBackendGetAttribute(void *descriptor, int name, int type, int64_t wanted, int64_t *count, void *found) {
  int known = name == ENGINES_FOUND || name == CONFIGURED_ENGINE || name == PLAN_WORKSPACE || name == ENGINE_NUMBER;
  if (count) *count = known;
  if (found && wanted > 0 && type == IS_INT64) *(int64_t *)found = 0;
  if (found && wanted > 0 && type == IS_INT32) *(int32_t *)found = 0;
  return 0;
}

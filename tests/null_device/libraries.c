/* cuBLAS, cuBLASLt and cuDNN as torch calls them: handles that know their stream, descriptors that say yes, and calls
   that are one kernel each. */
#include "device.h"

#include <stdlib.h>
#include <string.h>

#define YES(name) EXPORT int name() { return 0; }
#define KERNEL(name) EXPORT int name(Handle *handle) { return null_kernel(handle->stream); }
#define MAKES(name) EXPORT int name(void **made) { *made = calloc(1, 512); return 0; }
#define FREES(name) EXPORT int name(void *made) { free(made); return 0; }

typedef struct { void *stream; } Handle;
static int set_stream(Handle *handle, void *stream) { handle->stream = stream; return 0; }

/* ---- cuBLAS ---- */
MAKES(cublasCreate_v2)
FREES(cublasDestroy_v2)
EXPORT int cublasSetStream_v2(Handle *handle, void *stream) { return set_stream(handle, stream); }
EXPORT int cublasGetMathMode(Handle *handle, int *mode) { *mode = 0; return 0; }
EXPORT int cublasGetPointerMode_v2(Handle *handle, int *mode) { *mode = 0; return 0; }
YES(cublasSetWorkspace_v2) YES(cublasSetMathMode) YES(cublasSetPointerMode_v2) YES(cublasSetSmCountTarget)
KERNEL(cublasGemmEx) KERNEL(cublasGemmStridedBatchedEx) KERNEL(cublasSgemmEx) KERNEL(cublasDotEx)
KERNEL(cublasSgemm_v2) KERNEL(cublasDgemm_v2) KERNEL(cublasSgemmStridedBatched) KERNEL(cublasDgemmStridedBatched)
KERNEL(cublasSgemv_v2) KERNEL(cublasDgemv_v2) KERNEL(cublasSdot_v2) KERNEL(cublasDdot_v2)

/* ---- cuBLASLt ---- */
MAKES(cublasLtMatmulDescCreate) MAKES(cublasLtMatrixLayoutCreate) MAKES(cublasLtMatmulPreferenceCreate)
FREES(cublasLtMatmulDescDestroy) FREES(cublasLtMatrixLayoutDestroy) FREES(cublasLtMatmulPreferenceDestroy)
YES(cublasLtMatmulDescSetAttribute) YES(cublasLtMatrixLayoutSetAttribute) YES(cublasLtMatmulPreferenceSetAttribute)
EXPORT int cublasLtMatmulAlgoGetHeuristic(void *handle, void *product, void *a, void *b, void *c, void *d, void *preference, int wanted, void *found, int *count) {
  memset(found, 0, 96); /* one cublasLtMatmulHeuristicResult_t: it needs no workspace */
  *count = 1;
  return 0;
}
EXPORT int cublasLtMatmul(void *handle, void *product, void *alpha, void *a, void *a_layout, void *b, void *b_layout, void *beta, void *c,
                          void *c_layout, void *d, void *d_layout, void *algorithm, void *workspace, size_t bytes, void *stream) {
  return null_kernel(stream);
}

/* ---- cuDNN ---- */
MAKES(cudnnCreate)
FREES(cudnnDestroy)
EXPORT int cudnnSetStream(Handle *handle, void *stream) { return set_stream(handle, stream); }
EXPORT int cudnnGetStream(Handle *handle, void **stream) { *stream = handle->stream; return 0; }
EXPORT size_t cudnnGetCudartVersion(void) { return 13000; }
KERNEL(cudnnConvolutionForward) KERNEL(cudnnConvolutionBackwardData) KERNEL(cudnnConvolutionBackwardFilter) KERNEL(cudnnConvolutionBiasActivationForward)
KERNEL(cudnnBatchNormalizationForwardTrainingEx) KERNEL(cudnnBatchNormalizationForwardInference) KERNEL(cudnnBatchNormalizationBackwardEx)
EXPORT int cudnnGetBatchNormalizationForwardTrainingExWorkspaceSize(void *h, int m, int o, void *x, void *z, void *y, void *b, void *a, size_t *bytes) { *bytes = 0; return 0; }
EXPORT int cudnnGetBatchNormalizationBackwardExWorkspaceSize(void *h, int m, int o, void *x, void *y, void *dy, void *dz, void *dx, void *b, void *a, size_t *bytes) { *bytes = 0; return 0; }
EXPORT int cudnnGetBatchNormalizationTrainingExReserveSpaceSize(void *h, int m, int o, void *a, void *x, size_t *bytes) { *bytes = 0; return 0; }

/* cuDNN's graph interface: every search finds one engine, whose plan needs no workspace. */
EXPORT int cudnnBackendCreateDescriptor(int type, void **made) { *made = calloc(1, 64); return 0; }
FREES(cudnnBackendDestroyDescriptor)
YES(cudnnBackendSetAttribute) YES(cudnnBackendFinalize)
KERNEL(cudnnBackendExecute)
enum { ENGINE_RESULTS = 202, ENGINE = 300, PLAN_WORKSPACE = 402, FIRST_KNOB = 1300, SECOND_KNOB = 1301, IS_DESCRIPTOR = 15, IS_INT64 = 3 };
EXPORT int cudnnBackendGetAttribute(void *descriptor, int name, int type, int64_t wanted, int64_t *count, void *found) {
  int known = name == ENGINE_RESULTS || name == ENGINE || name == PLAN_WORKSPACE || name == FIRST_KNOB || name == SECOND_KNOB;
  if (count) *count = known;
  if (found && wanted > 0 && type == IS_INT64) *(int64_t *)found = 0;
  return 0;
}

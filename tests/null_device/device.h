/* What the three parts of the null device share. */
#include <stdint.h>

#define EXPORT __attribute__((visibility("default")))

/* One kernel on this stream: counted, or made a node of the graph that the stream captures. A cudaError_t. */
int null_kernel(void *stream);
/* An attribute of a device, by the number that runtime and driver share. */
int null_attribute(int attribute);
/* How many devices CUDA_VISIBLE_DEVICES leaves. */
int null_devices(void);

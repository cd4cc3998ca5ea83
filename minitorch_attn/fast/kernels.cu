// What takes many small operations from a library takes one here, on a GPU. T is float or double.
//
// A warp, 32 threads that run in step, has a row: each of its threads takes every 32nd number. A
// block has several warps, threadIdx.y says which; rows beyond the last have nothing to do.

const unsigned ALL = 0xffffffffu;

__device__ T sum_of_warp(T v) {
  for (int away = 16; away; away /= 2) v += __shfl_xor_sync(ALL, v, away);
  return v;
}

__device__ T largest_of_warp(T v) {
  for (int away = 16; away; away /= 2) {
    T other = __shfl_xor_sync(ALL, v, away);
    v = other > v || other != other ? other : v;  // NaN wins, as in NumPy's max
  }
  return v;
}

__device__ int own_row() { return blockIdx.x * blockDim.y + threadIdx.y; }
__device__ int own_place() { return blockIdx.x * blockDim.x + threadIdx.x; }

// y = normal w + b, with normal = (x - mean) / sqrt(var + eps) and inverse = 1 / sqrt(var + eps)
extern "C" __global__ void layer_norm(const T* x, const T* w, const T* b, T* y, T* normal,
                                      T* inverse, T eps, int rows, int width) {
  int row = own_row();
  if (row >= rows) return;
  size_t at = (size_t)row * width;
  T first = x[at], sum = 0, squares = 0;  // from its first number a row is not far
  for (int i = threadIdx.x; i < width; i += 32) sum += x[at + i] - first;
  T mean = sum_of_warp(sum) / width;
  for (int i = threadIdx.x; i < width; i += 32) {
    T d = x[at + i] - first - mean;
    squares += d * d;
  }
  T scale = 1 / sqrt(sum_of_warp(squares) / width + eps);
  for (int i = threadIdx.x; i < width; i += 32) {
    T n = (x[at + i] - first - mean) * scale;
    normal[at + i] = n;
    y[at + i] = n * w[i] + b[i];
  }
  if (threadIdx.x == 0) inverse[row] = scale;
}

// Of the gradient, only what changes neither the mean nor the variance gets through.
extern "C" __global__ void layer_norm_rows(const T* g, const T* w, const T* normal,
                                           const T* inverse, T* gx, int rows, int width) {
  int row = own_row();
  if (row >= rows) return;
  size_t at = (size_t)row * width;
  T sum = 0, product = 0;
  for (int i = threadIdx.x; i < width; i += 32) {
    T v = g[at + i] * w[i];
    sum += v;
    product += v * normal[at + i];
  }
  sum = sum_of_warp(sum) / width;
  product = sum_of_warp(product) / width;
  for (int i = threadIdx.x; i < width; i += 32)
    gx[at + i] = (g[at + i] * w[i] - sum - normal[at + i] * product) * inverse[row];
}

// Sums of g normal and of g down the columns, of `chunk` rows each: a thread has a column.
extern "C" __global__ void layer_norm_columns(const T* g, const T* normal, T* sums, int chunk,
                                              int rows, int width) {
  int column = own_place(), from = blockIdx.y * chunk;
  if (column >= width) return;
  T products = 0, sum = 0;
  for (int row = from; row < rows && row < from + chunk; row++) {
    T v = g[(size_t)row * width + column];
    products += v * normal[(size_t)row * width + column];
    sum += v;
  }
  sums[(size_t)blockIdx.y * 2 * width + column] = products;
  sums[(size_t)blockIdx.y * 2 * width + width + column] = sum;
}

// x becomes softmax(scale x), row by row
extern "C" __global__ void softmax(T* x, T scale, int rows, int width) {
  int row = own_row();
  if (row >= rows) return;
  size_t at = (size_t)row * width;
  T top = x[at] * scale, sum = 0;
  for (int i = threadIdx.x; i < width; i += 32) {
    T v = x[at + i] * scale;
    top = v > top || v != v ? v : top;
  }
  top = largest_of_warp(top);
  for (int i = threadIdx.x; i < width; i += 32) {
    T e = exp(x[at + i] * scale - top);
    x[at + i] = e;
    sum += e;
  }
  sum = sum_of_warp(sum);
  for (int i = threadIdx.x; i < width; i += 32) x[at + i] /= sum;
}

// g becomes the gradient of the scores: p (g - sum of g p) scale
extern "C" __global__ void softmax_back(T* g, const T* p, T scale, int rows, int width) {
  int row = own_row();
  if (row >= rows) return;
  size_t at = (size_t)row * width;
  T sum = 0;
  for (int i = threadIdx.x; i < width; i += 32) sum += g[at + i] * p[at + i];
  sum = sum_of_warp(sum);
  for (int i = threadIdx.x; i < width; i += 32) g[at + i] = (g[at + i] - sum) * p[at + i] * scale;
}

// y = x s, with s = sigmoid(2 scale (x + cubic x^3))
extern "C" __global__ void gelu(const T* x, T* y, T* sigmoid, T scale, T cubic, int count) {
  int i = own_place();
  if (i >= count) return;
  T v = x[i], s = 1 / (1 + exp(-2 * scale * (v + cubic * v * v * v)));
  sigmoid[i] = s;
  y[i] = v * s;
}

extern "C" __global__ void gelu_back(const T* g, const T* x, const T* y, const T* sigmoid, T* gx,
                                     T scale, T cubic, int count) {
  int i = own_place();
  if (i >= count) return;
  T inner = 2 * scale * (1 + 3 * cubic * x[i] * x[i]);
  gx[i] = g[i] * (sigmoid[i] + y[i] * (1 - sigmoid[i]) * inner);
}

// p = softmax(x) and, of each row, loss = -log p[target]
extern "C" __global__ void cross_entropy(const T* x, const long long* targets, T* p, T* losses,
                                         int rows, int width) {
  int row = own_row();
  if (row >= rows) return;
  size_t at = (size_t)row * width;
  T top = x[at], sum = 0;
  for (int i = threadIdx.x; i < width; i += 32) {
    T v = x[at + i];
    top = v > top || v != v ? v : top;
  }
  top = largest_of_warp(top);
  for (int i = threadIdx.x; i < width; i += 32) {
    T e = exp(x[at + i] - top);
    p[at + i] = e;
    sum += e;
  }
  sum = sum_of_warp(sum);
  for (int i = threadIdx.x; i < width; i += 32) p[at + i] /= sum;
  long long target = targets[row];
  bool is_class = 0 <= target && target < width;  // else NaN, by the log of a negative number
  if (threadIdx.x == 0)
    losses[row] = is_class ? log(sum) + top - x[at + target] : log((T)-1);
}

// p becomes (p - one_hot(target)) g / rows
extern "C" __global__ void cross_entropy_back(T* p, const long long* targets, const T* g, int rows,
                                              int width) {
  int i = own_place();
  if (i >= rows * width) return;
  p[i] = (p[i] - (i % width == targets[i / width])) * *g / rows;
}

// Many parameters in one pass, wherever each lies: a block has a piece of one of them.
struct Parameter {
  T* data;
  const T* gradient;
  T* mean;
  T* square;
  long long size;
};

struct Piece {
  long long parameter, start;
};

extern "C" __global__ void square_sums(const Parameter* all, const Piece* pieces, double* sums,
                                       int length) {
  __shared__ double shared[256];
  Piece piece = pieces[blockIdx.x];
  Parameter own = all[piece.parameter];
  double sum = 0;
  for (long long i = piece.start + threadIdx.x; i < own.size && i < piece.start + length;
       i += blockDim.x)
    sum += (double)own.gradient[i] * own.gradient[i];
  shared[threadIdx.x] = sum;
  __syncthreads();
  for (int away = blockDim.x / 2; away; away /= 2) {
    if (threadIdx.x < away) shared[threadIdx.x] += shared[threadIdx.x + away];
    __syncthreads();
  }
  if (threadIdx.x == 0) sums[blockIdx.x] = shared[0];
}

// Adam; with decay below 1, AdamW. The corrections of the means are in rate and eps.
extern "C" __global__ void adam(const Parameter* all, const Piece* pieces, T decay, T beta1,
                                T beta2, T eps, T rate, int length) {
  Piece piece = pieces[blockIdx.x];
  Parameter own = all[piece.parameter];
  for (long long i = piece.start + threadIdx.x; i < own.size && i < piece.start + length;
       i += blockDim.x) {
    T g = own.gradient[i];
    T mean = own.mean[i] * beta1 + g * (1 - beta1);
    T square = own.square[i] * beta2 + g * g * (1 - beta2);
    own.mean[i] = mean;
    own.square[i] = square;
    own.data[i] = own.data[i] * decay - rate * mean / (sqrt(square) + eps);
  }
}

/* The rates of one core; the caller runs these on as many threads as it likes. */

enum { VECTOR_BYTES = __BIGGEST_ALIGNMENT__, CHAINS = 12 };
typedef float vector __attribute__((vector_size(VECTOR_BYTES)));

/* s <- s f + t, on independent chains, so that no multiply-add waits for another; returns flops. */
double multiply_adds(long rounds, float *result) {
  vector sums[CHAINS], factor, term;
  for (unsigned lane = 0; lane < VECTOR_BYTES / sizeof(float); ++lane) {
    factor[lane] = result[0];
    term[lane] = result[1];
  }
  for (int chain = 0; chain < CHAINS; ++chain) sums[chain] = term * (float)chain;
  for (long round = 0; round < rounds; ++round)
    for (int chain = 0; chain < CHAINS; ++chain) sums[chain] = sums[chain] * factor + term;
  for (int chain = 0; chain < CHAINS; ++chain) result[0] += sums[chain][0];
  return 2.0 * CHAINS * (VECTOR_BYTES / sizeof(float)) * rounds;
}

/* y <- y + a x, again and again; returns the bytes that were read and written. */
double axpys(long rounds, long size, float a, const float *restrict x, float *restrict y) {
  for (long round = 0; round < rounds; ++round) {
    for (long index = 0; index < size; ++index) y[index] += a * x[index];
    __asm__ volatile("" ::: "memory"); /* each round is done, and none with another */
  }
  return 3.0 * sizeof(float) * size * rounds;
}

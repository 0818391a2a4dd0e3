// The transpose of a matrix: row r, column c -> row c, column r.
#pragma once

#include <cstddef>

namespace qjax {

// XLA's own compiles a loop for each shape, which takes longer than small matrices ever do.
template <typename T> void transpose(const T* from, T* to, size_t rows, size_t columns) {
  for (size_t column = 0; column < columns; ++column)
    for (size_t row = 0; row < rows; ++row) to[column * rows + row] = from[row * columns + column];
}

}  // namespace qjax

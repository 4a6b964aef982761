"""See what a model knows: pictures, neighbors in context, TensorBoard's projector, a page to explore."""

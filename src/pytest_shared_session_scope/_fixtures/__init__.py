"""From the function a user decorates to a fixture definition: decorators, annotations, validation."""

"""Problems by kind: what every problem can say, functions of a few coordinates, and factored models that fit
measurements."""

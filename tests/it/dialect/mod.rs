//! One folder per protocol.

mod chainloop;

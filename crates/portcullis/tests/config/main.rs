//! The configuration, from texts to what the gateway is told.

#![cfg(test)]

mod accepted;
mod refused;
mod world;

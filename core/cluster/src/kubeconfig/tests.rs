//! What kubectl says of our kubeconfigs.

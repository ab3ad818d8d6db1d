"""S, M, L from one seed: rules that grow, widen or contract an architecture."""

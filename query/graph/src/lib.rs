//! The service graph: nodes, edges, walks, differences and positions, from counted edges.

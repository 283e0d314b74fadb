"""What destinations are told: what they should have, what they have, and the difference under way."""

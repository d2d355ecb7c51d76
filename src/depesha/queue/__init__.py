"""The memory: durable and transactional. Knows when, never why."""

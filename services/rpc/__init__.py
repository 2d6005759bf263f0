"""All that is common in speaking gRPC: statuses, wire forms, serving, logs."""

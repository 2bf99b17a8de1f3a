"""What GPUs do over time: sampled, printed, recorded, held against alarms. Must not know rules."""

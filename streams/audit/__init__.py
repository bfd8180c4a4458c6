"""An auditor outside: reads topics alone, knows nothing of a worker, and checks what the contract promises."""

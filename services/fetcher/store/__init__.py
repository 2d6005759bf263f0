"""The store on disk: bars, splits and answers that were paid for."""

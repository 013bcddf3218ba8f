"""What Tusker does, without a screen: predict, train, evaluate, export."""

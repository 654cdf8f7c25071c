class Mine:
    a = 1   # b

class Mine:
  def
